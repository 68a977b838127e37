import { createHash, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { LateenError } from '@lateen/runtime';
import { certificateParts, keyIdOf } from './certificate.ts';
import {
  bitString,
  DerReader,
  derTag,
  element,
  objectIdentifier,
  sequence,
  time,
  unsignedInteger,
} from './der.ts';
import {
  authorityConstraints,
  authorityKeyId,
  authorityKeyUsage,
  leafConstraints,
  leafExtendedKeyUsage,
  leafKeyUsage,
  type SubjectNames,
  subjectAltName,
  subjectKeyId,
} from './extension.ts';
import { createSigner, type KeyPair, type Signer } from './key.ts';
import { encodePem } from './pem.ts';

/** From when until when a certificate holds, epoch milliseconds (whole seconds are kept). */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What a leaf certificate says. */
export interface LeafOptions extends SubjectNames, Validity {
  /** DER of the holder's SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
}

/** Signs leaf certificates in one authority's name. */
export interface Issuer {
  /** A leaf as PEM: empty subject, critical SAN, random serial, for TLS servers and clients. */
  issue(options: LeafOptions): string;
}

const version3 = element(0xa0, element(derTag.integer, Buffer.from([2])));
const emptyName = sequence();

function signCertificate(tbs: Buffer, signer: Signer): string {
  return encodePem('CERTIFICATE', sequence(tbs, signer.algorithm, bitString(signer.sign(tbs))));
}

function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40; // positive, and never short
  return unsignedInteger(bytes);
}

function validity(options: Validity): Buffer {
  return sequence(time(options.notBeforeMs), time(options.notAfterMs));
}

/** RFC 7093 method 1: the leftmost 160 bits of the SHA-256 of the public key's bits. */
function keyIdentifier(publicKey: Buffer): Buffer {
  const spki = new DerReader(publicKey).enter(derTag.sequence);
  spki.next(derTag.sequence);
  const bits = spki.next(derTag.bitString).content.subarray(1);
  return createHash('sha256').update(bits).digest().subarray(0, 20);
}

function requireSigner(privateKey: KeyObject): Signer {
  const signer = createSigner(privateKey);
  if (signer) return signer;
  throw new LateenError('the key of the certificate authority must be RSA or EC (P-256, P-384, P-521)', {
    code: 'LTN_IDENTITY_AUTHORITY_KEY',
    origin: 'config',
  });
}

/**
 * Issuer of an authority's certificate and key. What doesn't change from leaf to leaf is encoded once.
 * @throws LateenError LTN_IDENTITY_AUTHORITY_KEY for a key that can't sign certificates.
 */
export function createIssuer(authority: X509Certificate, privateKey: KeyObject): Issuer {
  const signer = requireSigner(privateKey);
  const parts = certificateParts(authority);
  const keyId = keyIdOf(parts);
  const constant = Buffer.concat([
    leafKeyUsage,
    leafExtendedKeyUsage,
    leafConstraints,
    ...(keyId ? [authorityKeyId(keyId)] : []),
  ]);
  return {
    issue(options) {
      const extensions = sequence(constant, subjectAltName(options, true));
      const tbs = sequence(
        version3,
        serialNumber(),
        signer.algorithm,
        parts.subject,
        validity(options),
        emptyName,
        options.publicKey,
        element(0xa3, extensions),
      );
      return signCertificate(tbs, signer);
    },
  };
}

/** Who signs an authority's certificate: another authority. */
export interface AuthorityParent {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

/**
 * Certificate of an authority as PEM, self-signed unless a parent is given. Subject `O=ORGANIZATION`, as Istio names
 * its root by the trust domain.
 */
export function createAuthorityCertificate(
  keys: KeyPair,
  options: Validity & { readonly organization: string; readonly parent?: AuthorityParent },
): string {
  const { parent } = options;
  const signer = requireSigner(parent?.privateKey ?? keys.privateKey);
  const publicKey = keys.publicKey.export({ format: 'der', type: 'spki' });
  const organization = element(derTag.utf8String, Buffer.from(options.organization));
  const subject = sequence(element(derTag.set, sequence(objectIdentifier('2.5.4.10'), organization)));
  const parentParts = parent && certificateParts(parent.certificate);
  const parentKeyId = parentParts && keyIdOf(parentParts);
  const extensions = sequence(
    authorityConstraints,
    authorityKeyUsage,
    subjectKeyId(keyIdentifier(publicKey)),
    ...(parentKeyId ? [authorityKeyId(parentKeyId)] : []),
  );
  const tbs = sequence(
    version3,
    serialNumber(),
    signer.algorithm,
    parentParts?.subject ?? subject,
    validity(options),
    subject,
    publicKey,
    element(0xa3, extensions),
  );
  return signCertificate(tbs, signer);
}

/** SHA-256 of a certificate's DER in lower-case hex: the pin that a join token carries. */
export function certificateSha256(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}
