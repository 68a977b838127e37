import type { KeyObject } from 'node:crypto';
import { decodeJwt } from 'jose/jwt/decode';
import { SignJWT } from 'jose/jwt/sign';
import { jwtVerify } from 'jose/jwt/verify';
import type { Parsed } from './spiffe-id.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import { parseWorkloadId } from './workload-id.ts';

/** Audience of join tokens, Istio's name of its certificate authority. */
export const joinTokenAudience = 'istio-ca';

/** Longest token that is read, in characters. */
const maxTokenLength = 4096;

/** What a join token says and for how long. */
export interface JoinTokenOptions {
  /** SPIFFE id that its bearer may have. */
  readonly subject: string;
  /** Hex SHA-256 of the root certificate's DER, for the bearer to know the authority by. */
  readonly rootSha256: string;
  readonly nowMs: number;
  readonly ttlMs: number;
}

/** Mints a join token: JWT, ES256, signed by a P-256 key. */
export function mintJoinToken(signingKey: KeyObject, options: JoinTokenOptions): Promise<string> {
  const issuedAt = Math.floor(options.nowMs / 1000);
  return new SignJWT({ root_sha256: options.rootSha256 })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
    .setAudience(joinTokenAudience)
    .setSubject(options.subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.ceil(options.ttlMs / 1000))
    .sign(signingKey);
}

/**
 * Verifies a join token: signature (ES256 alone), audience, expiry, and a subject in Istio's form that is a SPIFFE id
 * of `trustDomain`. Answers the subject.
 */
export async function verifyJoinToken(
  token: string,
  publicKey: KeyObject,
  options: { readonly trustDomain: string; readonly nowMs: number },
): Promise<Parsed<string>> {
  if (token.length > maxTokenLength) return { complaint: 'the token is too long' };
  let subject: string;
  try {
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: ['ES256'],
      audience: joinTokenAudience,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(options.nowMs),
    });
    subject = payload.sub ?? '';
  } catch (error) {
    return { complaint: error instanceof Error ? error.message : 'the token is not valid' };
  }
  const id = parseSpiffeId(subject);
  if ('complaint' in id || !parseWorkloadId(subject))
    return { complaint: 'the subject of the token is not a workload id' };
  if (id.value.trustDomain !== options.trustDomain) {
    return { complaint: `the token is for the trust domain ${id.value.trustDomain}` };
  }
  return { value: subject };
}

/** What a bearer reads from its own token before it knows any authority. Nothing here is verified. */
export interface JoinTokenClaims {
  readonly subject: string;
  /** Lower-case hex, 64 digits. */
  readonly rootSha256: string;
}

/** Reads subject and pin from a join token that came by a way its bearer trusts. */
export function readJoinToken(token: string): Parsed<JoinTokenClaims> {
  let payload: ReturnType<typeof decodeJwt>;
  try {
    payload = decodeJwt(token);
  } catch {
    return { complaint: 'it is not a JWT' };
  }
  const { sub, root_sha256: pin } = payload;
  if (typeof sub !== 'string') return { complaint: 'it names no subject' };
  if (typeof pin !== 'string' || !/^[0-9a-f]{64}$/.test(pin)) return { complaint: 'it holds no root_sha256' };
  return { value: { subject: sub, rootSha256: pin } };
}
