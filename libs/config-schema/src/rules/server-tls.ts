import { enumOf, type istio_networking_v1alpha3_ServerTLSSettings } from '@lateen/protos';
import type { Report } from '../report.ts';

const modes = enumOf('istio.networking.v1alpha3.ServerTLSSettings.TLSmode');

/** Cipher suites by OpenSSL name. Source: Istio pkg/config/security ValidCipherSuites. */
const cipherSuites = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-PSK-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-PSK-AES128-CBC-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'ECDHE-PSK-AES256-CBC-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'PSK-AES128-CBC-SHA',
  'PSK-AES256-CBC-SHA',
  'DES-CBC3-SHA',
]);

function warnOfCiphers(suites: readonly string[], path: string, report: Report): void {
  const seen = new Set<string>();
  for (const [index, suite] of suites.entries()) {
    const at = `${path}.cipherSuites[${index}]`;
    const names = suite
      .replace(/^\[|\]$/g, '')
      .split('|')
      .map((name) => name.replace(/^[-+!]/, ''));
    if (!names.every((name) => cipherSuites.has(name) || name === 'ALL'))
      report.warning(at, `"${suite}" is no known cipher suite and is left out`);
    else if (seen.has(suite)) report.warning(at, `"${suite}" stands twice`);
    seen.add(suite);
  }
}

/** Where the server's certificate comes from: exactly one of four ways. */
function checkCertificates(
  tls: istio_networking_v1alpha3_ServerTLSSettings,
  { path, report, name }: { path: string; report: Report; name: string },
): void {
  const { credentialName, credentialNames = [], tlsCertificates = [], serverCertificate, privateKey } = tls;
  const ways = [
    ...(credentialName ? ['credentialName'] : []),
    ...(credentialNames.length > 0 ? ['credentialNames'] : []),
    ...(serverCertificate && (privateKey || tlsCertificates.length > 0) ? ['serverCertificate'] : []),
    ...(tlsCertificates.length > 0 ? ['tlsCertificates'] : []),
  ];
  if (ways.length > 1)
    report.error(
      `${path}.${ways[1]}`,
      `only one of credentialName, credentialNames, serverCertificate with privateKey, and tlsCertificates may be set, found ${ways.join(' and ')}`,
    );
  if (tlsCertificates.length > 2 || credentialNames.length > 2)
    report.warning(path, `${name} TLS takes up to 2 server certificates, the others are left out`);
  if (credentialName || credentialNames.length > 0) return;
  if (tlsCertificates.length > 0) {
    for (const [index, certificate] of tlsCertificates.entries()) {
      const at = `${path}.tlsCertificates[${index}]`;
      if (!certificate.serverCertificate) report.error(at, `${name} TLS needs a serverCertificate`);
      if (!certificate.privateKey) report.error(at, `${name} TLS needs a privateKey`);
    }
    return;
  }
  if (!serverCertificate) report.error(path, `${name} TLS needs a serverCertificate or a credentialName`);
  if (!privateKey) report.error(path, `${name} TLS needs a privateKey or a credentialName`);
}

/** Reports wrong TLS settings of a gateway's server or a sidecar's ingress. Source: Istio validateTLSOptions. */
export function checkServerTls(
  tls: istio_networking_v1alpha3_ServerTLSSettings,
  path: string,
  report: Report,
): void {
  const mode = tls.mode ?? modes.PASSTHROUGH;
  const certificateFields = [
    'serverCertificate',
    'privateKey',
    'caCertificates',
    'credentialName',
    'caCertCredentialName',
  ] as const;
  warnOfCiphers(tls.cipherSuites ?? [], path, report);
  if (mode === modes.ISTIO_MUTUAL) {
    for (const field of certificateFields) {
      if (tls[field])
        report.error(
          `${path}.${field}`,
          `${field} can't be set with ISTIO_MUTUAL, which uses the mesh's certificates`,
        );
    }
    for (const field of ['credentialNames', 'tlsCertificates'] as const) {
      if (tls[field]?.length)
        report.error(
          `${path}.${field}`,
          `${field} can't be set with ISTIO_MUTUAL, which uses the mesh's certificates`,
        );
    }
    return;
  }
  if (mode === modes.PASSTHROUGH || mode === modes.AUTO_PASSTHROUGH) {
    const set =
      [...certificateFields, 'caCrl' as const].find((field) => tls[field]) ??
      (tls.credentialNames?.length ? 'credentialNames' : undefined);
    if (set)
      report.warning(
        `${path}.${set}`,
        'passed-through connections are not decrypted, the certificates are ignored',
      );
    return;
  }
  const name = mode === modes.SIMPLE ? 'SIMPLE' : 'MUTUAL';
  checkCertificates(tls, { path, report, name });
  const hasCredential = Boolean(tls.credentialName) || (tls.credentialNames?.length ?? 0) > 0;
  if (mode === modes.SIMPLE && tls.caCrl && !hasCredential)
    report.error(
      `${path}.caCrl`,
      'a revocation list has no use in SIMPLE TLS, which asks for no client certificate',
    );
  if (mode !== modes.SIMPLE && !hasCredential && !tls.caCertCredentialName && !tls.caCertificates) {
    report.error(path, 'MUTUAL TLS needs caCertificates to verify its clients, or a credentialName');
  }
  for (const [index, hash] of (tls.verifyCertificateHash ?? []).entries()) {
    if (!/^([0-9a-fA-F]{64}|([0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2})$/.test(hash))
      report.error(
        `${path}.verifyCertificateHash[${index}]`,
        'expected the SHA-256 of a certificate in hexadecimal',
      );
  }
}
