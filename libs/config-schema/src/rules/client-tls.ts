import { enumOf, type istio_networking_v1alpha3_ClientTLSSettings } from '@lateen/protos';
import type { Report } from '../report.ts';

const modes = enumOf('istio.networking.v1alpha3.ClientTLSSettings.TLSmode');

/** Reports wrong TLS settings of a client. Source: Istio ValidateTLS. */
export function checkClientTls(
  tls: istio_networking_v1alpha3_ClientTLSSettings,
  path: string,
  report: Report,
): void {
  const mode = tls.mode ?? modes.DISABLE;
  const files = (['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const).filter(
    (field) => tls[field],
  );
  if (tls.insecureSkipVerify?.value) {
    // A Secret of a MUTUAL client brings its own certificate, so that its name says nothing about verification.
    const verifying = [
      ...(tls.caCertificates ? ['caCertificates'] : []),
      ...(tls.subjectAltNames?.length ? ['subjectAltNames'] : []),
      ...(tls.credentialName && mode === modes.SIMPLE ? ['credentialName'] : []),
    ];
    for (const field of verifying)
      report.error(`${path}.${field}`, `${field} verifies the server, and insecureSkipVerify says not to`);
  }
  if ((mode === modes.SIMPLE || mode === modes.MUTUAL) && tls.credentialName) {
    for (const field of files)
      report.error(`${path}.${field}`, `${field} can't stand beside credentialName, whose Secret has it`);
    return;
  }
  if (mode === modes.MUTUAL) {
    if (!tls.clientCertificate) report.error(path, 'MUTUAL TLS needs clientCertificate or credentialName');
    if (!tls.privateKey) report.error(path, 'MUTUAL TLS needs privateKey or credentialName');
  }
  if (mode === modes.ISTIO_MUTUAL) {
    for (const field of files)
      report.error(
        `${path}.${field}`,
        `${field} can't be set with ISTIO_MUTUAL, which uses the mesh's certificates`,
      );
    if (tls.credentialName)
      report.error(
        `${path}.credentialName`,
        "credentialName can't be set with ISTIO_MUTUAL, which uses the mesh's certificates",
      );
  }
}
