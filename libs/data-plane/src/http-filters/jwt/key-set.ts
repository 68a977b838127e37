import {
  constants,
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto';
import { type JwtStatus, jwtStatus } from './status.ts';
import type { Token } from './token.ts';

interface Key {
  /** Empty: for tokens of any key id. */
  readonly keyId: string;
  /** Empty: for any algorithm that the kind of key can do. */
  readonly algorithm: string;
  readonly kind: 'RSA' | 'EC' | 'OKP' | 'oct';
  readonly curve: string;
  readonly secret: KeyObject | Buffer;
}

/** The public keys of an issuer (RFC 7517). */
export interface KeySet {
  /** Does one of the keys prove the token's signature? `ok` or why not. */
  check(token: Token): JwtStatus;
}

type JwkInput = Extract<Parameters<typeof createPublicKey>[0], { format: 'jwk' }>['key'];

const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const curveNames: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

function keyOfObject(secret: KeyObject, keyId: string, algorithm: string): Key | undefined {
  const type = secret.asymmetricKeyType;
  const kind = type === 'rsa' ? 'RSA' : type === 'ec' ? 'EC' : type === 'ed25519' ? 'OKP' : undefined;
  if (!kind) return undefined;
  const named = secret.asymmetricKeyDetails?.namedCurve ?? '';
  const curve = Object.hasOwn(curveNames, named) ? curveNames[named]! : '';
  return { keyId, algorithm, kind, curve, secret };
}

/** A key of the set, or `undefined` for one that can't be used here, which leaves the others in force. */
function readKey(entry: unknown): Key | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { kid = '', alg = '', kty, k } = entry as { readonly [field: string]: unknown };
  if (typeof kid !== 'string' || typeof alg !== 'string') return undefined;
  if (kty === 'oct') {
    if (typeof k !== 'string' || k === '') return undefined;
    return { keyId: kid, algorithm: alg, kind: 'oct', curve: '', secret: Buffer.from(k, 'base64url') };
  }
  try {
    return keyOfObject(createPublicKey({ key: entry as JwkInput, format: 'jwk' }), kid, alg);
  } catch {
    return undefined; // Envoy too passes over keys that it can't read
  }
}

/** Keys of a set of certificates in PEM by key id, the other form in which key sets are published. */
function readCertificates(set: { readonly [keyId: string]: unknown }): (Key | undefined)[] {
  return Object.entries(set).map(([keyId, pem]) => {
    if (typeof pem !== 'string') return undefined;
    try {
      return keyOfObject(new X509Certificate(pem).publicKey, keyId, '');
    } catch {
      return undefined; // as for JWKs
    }
  });
}

function fits(key: Key, algorithm: string): boolean {
  if (algorithm === 'EdDSA') return key.kind === 'OKP';
  switch (algorithm.slice(0, 2)) {
    case 'HS':
      return key.kind === 'oct';
    case 'ES':
      return key.kind === 'EC' && key.curve === curves[algorithm];
    default:
      return key.kind === 'RSA';
  }
}

function proves(key: Key, { algorithm, signed, signature }: Token): boolean {
  const digest = `sha${algorithm.slice(2)}`;
  if (Buffer.isBuffer(key.secret)) {
    const expected = createHmac(digest, key.secret).update(signed).digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  const data = Buffer.from(signed);
  switch (key.kind) {
    case 'OKP':
      return verify(null, data, key.secret, signature);
    case 'EC':
      return verify(digest, data, { key: key.secret, dsaEncoding: 'ieee-p1363' }, signature);
    default:
      return verify(
        digest,
        data,
        algorithm.startsWith('PS')
          ? {
              key: key.secret,
              padding: constants.RSA_PKCS1_PSS_PADDING,
              saltLength: constants.RSA_PSS_SALTLEN_AUTO,
            }
          : key.secret,
        signature,
      );
  }
}

/** Reads a JSON Web Key Set; keys that can't be used are passed over. `undefined`: none is left. */
export function readKeySet(text: string): KeySet | undefined {
  let keys: readonly Key[] = [];
  try {
    const set: unknown = JSON.parse(text);
    if (typeof set === 'object' && set !== null) {
      const listed = (set as { readonly keys?: unknown }).keys;
      const found = Array.isArray(listed)
        ? listed.map(readKey)
        : readCertificates(set as { readonly [keyId: string]: unknown });
      keys = found.filter((key) => key !== undefined);
    }
  } catch {
    // Text that is no JSON holds no key.
  }
  if (keys.length === 0) return undefined;
  return {
    check(token) {
      let candidates = 0;
      for (const key of keys) {
        if (token.keyId !== '' && key.keyId !== '' && key.keyId !== token.keyId) continue;
        if (key.algorithm !== '' && key.algorithm !== token.algorithm) continue;
        candidates += 1;
        if (fits(key, token.algorithm) && proves(key, token)) return jwtStatus.ok;
      }
      return candidates === 0 ? jwtStatus.noKeyMatches : jwtStatus.verificationFails;
    },
  };
}
