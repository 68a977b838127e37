import type { X509Certificate } from 'node:crypto';
import { compileStringMatcher, invalidConfig, type TextMatcher } from '@lateen/matching';
import {
  type envoy_extensions_transport_sockets_tls_v3_CertificateValidationContext,
  enumOf,
} from '@lateen/protos';
import type { TlsPeer } from '../connection.ts';

/** Subject alternative names by kind. */
export interface SubjectNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
}

/** Splits OpenSSL's text form, in which values with special characters are JSON strings. */
function splitNames(text: string): string[] {
  const names: string[] = [];
  let rest = text;
  while (rest !== '') {
    const quoted = /^([^:]+):"((?:[^"\\]|\\.)*)"(?:, |$)/.exec(rest);
    const plain = quoted ? undefined : /^[^,]*(?:, |$)/.exec(rest);
    const found = quoted?.[0] ?? plain?.[0] ?? rest;
    names.push(quoted ? `${quoted[1]}:${String(JSON.parse(`"${quoted[2]}"`))}` : found.replace(/, $/, ''));
    rest = rest.slice(found.length);
    if (found === '') break;
  }
  return names;
}

/** Reads the subject alternative names of a certificate. */
export function subjectNames(certificate: X509Certificate): SubjectNames {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  const addresses: string[] = [];
  for (const name of splitNames(certificate.subjectAltName ?? '')) {
    if (name.startsWith('URI:')) uris.push(name.slice(4));
    else if (name.startsWith('DNS:')) dnsNames.push(name.slice(4));
    else if (name.startsWith('IP Address:')) addresses.push(name.slice(11));
  }
  uris.sort((left, right) => Number(right.startsWith('spiffe://')) - Number(left.startsWith('spiffe://')));
  return { uris, dnsNames, addresses };
}

/** Facts of a verified peer certificate. */
export function peerOf(certificate: X509Certificate): TlsPeer {
  const { uris, dnsNames } = subjectNames(certificate);
  return {
    uris,
    dnsNames,
    // Envoy prints the subject in RFC 2253 form: reversed, separated by commas.
    subject: certificate.subject ? certificate.subject.split('\n').reverse().join(',') : '',
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    pem: () => certificate.toString(),
  };
}

/** Complaint about a certificate, or `undefined` when it is fine. */
export type CertificateCheck = (certificate: X509Certificate) => string | undefined;

type ValidationContext = envoy_extensions_transport_sockets_tls_v3_CertificateValidationContext;

function dnsMatches(pattern: string, name: string): boolean {
  return (
    pattern === name ||
    (pattern.startsWith('*.') &&
      name.endsWith(pattern.slice(1)) &&
      !name.slice(0, -pattern.length + 1).includes('.'))
  );
}

function spkiPin(certificate: X509Certificate, hash: (bytes: Uint8Array) => string): string {
  return hash(certificate.publicKey.export({ type: 'spki', format: 'der' }));
}

/**
 * Compiles what a validation context demands beyond the chain: SAN matchers (any of them, of any kind of name for the
 * untyped ones), SPKI and certificate pins. `undefined`: nothing.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compileCertificateCheck(
  context: ValidationContext,
  path: string,
  hash: (bytes: Uint8Array) => { base64: string; hex: string },
): CertificateCheck | undefined {
  const types = enumOf('envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher.SanType');
  const rules: ((names: SubjectNames) => boolean)[] = [];
  const dnsRule = (exact: string | undefined, matches: TextMatcher) => (name: string) =>
    exact === undefined ? matches(name) : dnsMatches(name, exact) || dnsMatches(exact, name);
  for (const [index, matcher] of (context.matchSubjectAltNames ?? []).entries()) {
    const matches = compileStringMatcher(matcher, `${path}.match_subject_alt_names[${index}]`);
    const onDns = dnsRule(matcher.exact, matches);
    rules.push(
      ({ uris, dnsNames, addresses }) =>
        uris.some(matches) || dnsNames.some(onDns) || addresses.some(matches),
    );
  }
  for (const [index, typed] of (context.matchTypedSubjectAltNames ?? []).entries()) {
    const at = `${path}.match_typed_subject_alt_names[${index}]`;
    if (!typed.matcher) throw invalidConfig(`${at}.matcher`, 'is required');
    const matches = compileStringMatcher(typed.matcher, `${at}.matcher`);
    const onDns = dnsRule(typed.matcher.exact, matches);
    if (typed.sanType === types.URI) rules.push(({ uris }) => uris.some(matches));
    else if (typed.sanType === types.DNS) rules.push(({ dnsNames }) => dnsNames.some(onDns));
    else if (typed.sanType === types.IP_ADDRESS) rules.push(({ addresses }) => addresses.some(matches));
    else throw invalidConfig(`${at}.san_type`, 'only DNS, URI and IP_ADDRESS are supported');
  }
  const spki = new Set(context.verifyCertificateSpki ?? []);
  const hashes = new Set(
    (context.verifyCertificateHash ?? []).map((text) => text.replaceAll(':', '').toLowerCase()),
  );
  if (rules.length === 0 && spki.size === 0 && hashes.size === 0) return undefined;
  return (certificate) => {
    if (rules.length > 0) {
      const names = subjectNames(certificate);
      if (!rules.some((holds) => holds(names))) {
        const shown = [...names.uris, ...names.dnsNames, ...names.addresses].join(', ') || 'no name';
        return `the certificate of ${shown} matches no expected subject alternative name`;
      }
    }
    if (spki.size > 0 || hashes.size > 0) {
      // Envoy takes either kind of pin when both are given.
      const pinned =
        spki.has(spkiPin(certificate, (bytes) => hash(bytes).base64)) ||
        hashes.has(hash(certificate.raw).hex);
      if (!pinned) return 'the certificate is not one of the pinned ones';
    }
    return undefined;
  };
}
