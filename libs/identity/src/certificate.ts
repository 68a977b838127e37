import { X509Certificate } from 'node:crypto';
import { DerError, DerReader, derTag, oidText } from './der.ts';
import { extensionOid } from './extension.ts';
import { decodePem } from './pem.ts';

/** Parts of a certificate that Node's `X509Certificate` doesn't tell. */
export interface CertificateParts {
  /** DER of the subject's name. */
  readonly subject: Buffer;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  readonly extensions: ReadonlyMap<string, { readonly critical: boolean; readonly value: Buffer }>;
}

/** Takes a certificate apart. @throws DerError */
export function certificateParts(certificate: X509Certificate): CertificateParts {
  const tbs = new DerReader(certificate.raw).enter(derTag.sequence).enter(derTag.sequence);
  if (tbs.peek === 0xa0) tbs.next();
  tbs.next(derTag.integer);
  tbs.next(derTag.sequence);
  tbs.next(derTag.sequence);
  tbs.next(derTag.sequence);
  const subject = tbs.next(derTag.sequence).bytes;
  const publicKey = tbs.next(derTag.sequence).bytes;
  const extensions = new Map<string, { critical: boolean; value: Buffer }>();
  while (tbs.peek !== undefined) {
    const part = tbs.next();
    if (part.tag !== 0xa3) continue;
    const list = new DerReader(part.content).enter(derTag.sequence);
    while (list.peek !== undefined) {
      const one = list.enter(derTag.sequence);
      const oid = oidText(one.next(derTag.oid).content);
      const critical = one.peek === derTag.boolean && one.next().content[0] === 0xff;
      if (extensions.has(oid)) throw new DerError('an extension stands twice');
      extensions.set(oid, { critical, value: one.next(derTag.octetString).content });
    }
  }
  return { subject, publicKey, extensions };
}

/** Key identifier that certificates below this authority name as their issuer's. */
export function keyIdOf(parts: CertificateParts): Buffer | undefined {
  const found = parts.extensions.get(extensionOid.subjectKeyId);
  return found && new DerReader(found.value).next(derTag.octetString).content;
}

/** URIs among the subject alternative names, in order. */
export function uriNames(parts: CertificateParts): string[] {
  const found = parts.extensions.get(extensionOid.subjectAltName);
  if (!found) return [];
  const names = new DerReader(found.value).enter(derTag.sequence);
  const uris: string[] = [];
  while (names.peek !== undefined) {
    const name = names.next();
    if (name.tag === 0x86) uris.push(name.content.toString('latin1'));
  }
  return uris;
}

/** Key usage bits, first octet (digitalSignature 0x80 … cRLSign 0x02); `undefined` without the extension. */
export function keyUsageBits(parts: CertificateParts): number | undefined {
  const found = parts.extensions.get(extensionOid.keyUsage);
  return found && (new DerReader(found.value).next(derTag.bitString).content[1] ?? 0);
}

/** Basic constraints of a certificate (RFC 5280 section 4.2.1.9). */
export interface BasicConstraints {
  readonly authority: boolean;
  /** Largest number of intermediates below; `undefined` when it sets none. */
  readonly pathLength: number | undefined;
}

/**
 * Reads the basic constraints as they stand. Node's `X509Certificate.ca` says something else: it is false for an
 * authority whose key usage doesn't let it sign.
 */
export function basicConstraints(parts: CertificateParts): BasicConstraints {
  const found = parts.extensions.get(extensionOid.basicConstraints);
  if (!found) return { authority: false, pathLength: undefined };
  const constraints = new DerReader(found.value).enter(derTag.sequence);
  const authority = constraints.peek === derTag.boolean && constraints.next().content[0] === 0xff;
  if (constraints.peek !== derTag.integer) return { authority, pathLength: undefined };
  const { content } = constraints.next();
  const pathLength = content.length > 2 ? Number.MAX_SAFE_INTEGER : content.readUIntBE(0, content.length);
  return { authority, pathLength };
}

/** Every certificate of a PEM text in order; `undefined` when one of them can't be read. Empty text answers none. */
export function parseCertificates(pem: string): X509Certificate[] | undefined {
  try {
    return decodePem(pem, ['CERTIFICATE']).map((der) => new X509Certificate(der));
  } catch {
    return undefined; // OpenSSL's texts say nothing a user could act on
  }
}

/** PEM of certificates, one after the other. */
export function certificatesPem(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}
