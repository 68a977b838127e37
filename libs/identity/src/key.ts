import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { derTag, element, objectIdentifier, sequence } from './der.ts';

/** A key pair; the private half stays in memory unless someone exports it. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** New P-256 key pair. */
export function createKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** PKCS #8 PEM of a private key. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' });
}

/** Private key from PEM (PKCS #8, PKCS #1 or SEC 1); `undefined` when the text holds none. */
export function parsePrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined; // OpenSSL's texts say nothing a user could act on
  }
}

/** Signs with one key: the algorithm follows from the key. */
export interface Signer {
  /** AlgorithmIdentifier (RFC 5280 section 4.1.1.2). */
  readonly algorithm: Buffer;
  sign(data: Uint8Array): Buffer;
}

const ecdsa: Readonly<Record<string, readonly [oid: string, hash: string]>> = {
  prime256v1: ['1.2.840.10045.4.3.2', 'sha256'],
  secp384r1: ['1.2.840.10045.4.3.3', 'sha384'],
  secp521r1: ['1.2.840.10045.4.3.4', 'sha512'],
};

/** Signer of an RSA or NIST-curve key; `undefined` for keys of other types. */
export function createSigner(privateKey: KeyObject): Signer | undefined {
  const details = privateKey.asymmetricKeyDetails;
  if (privateKey.asymmetricKeyType === 'rsa') {
    const algorithm = sequence(objectIdentifier('1.2.840.113549.1.1.11'), element(derTag.null));
    return { algorithm, sign: (data) => sign('sha256', data, privateKey) };
  }
  const curve = privateKey.asymmetricKeyType === 'ec' ? ecdsa[details?.namedCurve ?? ''] : undefined;
  if (!curve) return undefined;
  const [oid, hash] = curve;
  return { algorithm: sequence(objectIdentifier(oid)), sign: (data) => sign(hash, data, privateKey) };
}

/** Hash of a signature algorithm that certificates and CSRs may use; SHA-1 and older are not among them. */
export const signatureHashes: ReadonlyMap<string, { readonly hash: string; readonly keyType: 'rsa' | 'ec' }> =
  new Map([
    ['1.2.840.113549.1.1.11', { hash: 'sha256', keyType: 'rsa' }],
    ['1.2.840.113549.1.1.12', { hash: 'sha384', keyType: 'rsa' }],
    ['1.2.840.113549.1.1.13', { hash: 'sha512', keyType: 'rsa' }],
    ['1.2.840.10045.4.3.2', { hash: 'sha256', keyType: 'ec' }],
    ['1.2.840.10045.4.3.3', { hash: 'sha384', keyType: 'ec' }],
    ['1.2.840.10045.4.3.4', { hash: 'sha512', keyType: 'ec' }],
  ]);

/** What forbids a public key for a workload; `undefined` when nothing does. */
export function publicKeyComplaint(key: KeyObject): string | undefined {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'ec') {
    return ecdsa[details?.namedCurve ?? '']
      ? undefined
      : 'the curve of the key must be P-256, P-384 or P-521';
  }
  if (key.asymmetricKeyType !== 'rsa') return 'the key must be an EC or RSA key';
  const bits = details?.modulusLength ?? 0;
  return bits >= 2048 && bits <= 8192
    ? undefined
    : `an RSA key must have 2048 to 8192 bits, this one has ${bits}`;
}
