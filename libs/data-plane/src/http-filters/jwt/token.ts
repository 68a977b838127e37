import { type JwtStatus, jwtStatus } from './status.ts';

type JsonObject = { readonly [key: string]: unknown };

/** A JWT in compact form (RFC 7519, RFC 7515), decoded but not verified. Times in seconds of the epoch; 0: absent. */
export interface Token {
  readonly algorithm: string;
  /** Empty without. */
  readonly keyId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expires: number;
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** The payload as it stands in the token. */
  readonly payloadSegment: string;
  /** What is signed. */
  readonly signed: string;
  readonly signature: Buffer;
}

/** Longest token that is looked at. Characters. */
const maxTokenLength = 64 * 1024;

/** Algorithms of RFC 7518 and RFC 8037 that are verified; `none` is not among them. */
const algorithms = new Set(
  ['HS', 'RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((size) => family + size)),
).add('EdDSA');

function fromBase64Url(text: string): Buffer | undefined {
  const bare = text.replace(/=+$/, '');
  if (!/^[A-Za-z0-9_-]*$/.test(bare) || bare.length % 4 === 1) return undefined;
  return Buffer.from(bare, 'base64url');
}

function jsonObject(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined;
  } catch {
    return undefined; // what is no JSON is the caller's finding
  }
}

const own = (object: JsonObject, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/** A claim that is text or absent; `undefined` when it is something else. */
function textClaim(payload: JsonObject, name: string): string | undefined {
  const value = own(payload, name) ?? '';
  return typeof value === 'string' ? value : undefined;
}

/** A time claim; 0 when absent. */
function timeClaim(payload: JsonObject, name: string): number | 'not integer' | 'out of range' {
  const value = own(payload, name);
  if (value === undefined) return 0;
  if (typeof value !== 'number') return 'not integer';
  return value < 0 || value >= 2 ** 63 ? 'out of range' : Math.floor(value);
}

function audiencesOf(payload: JsonObject): readonly string[] | undefined {
  const value = own(payload, 'aud');
  if (value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.every((entry) => typeof entry === 'string') ? (list as readonly string[]) : undefined;
}

/** Decodes a token; the status says what is wrong with one that can't be read. */
export function parseToken(text: string): Token | JwtStatus {
  const parts = text.length > maxTokenLength ? [] : text.split('.');
  if (parts.length !== 3 || parts.includes('')) return jwtStatus.badFormat;
  const [headerSegment, payloadSegment, signatureSegment] = parts as [string, string, string];

  const headerBytes = fromBase64Url(headerSegment);
  if (!headerBytes) return jwtStatus.headerBadBase64;
  const header = jsonObject(headerBytes);
  if (!header) return jwtStatus.headerBadJson;
  const algorithm = own(header, 'alg');
  if (typeof algorithm !== 'string') return jwtStatus.headerBadAlg;
  if (!algorithms.has(algorithm)) return jwtStatus.headerUnknownAlg;
  const keyId = textClaim(header, 'kid');
  if (keyId === undefined) return jwtStatus.headerBadKid;

  const payloadBytes = fromBase64Url(payloadSegment);
  if (!payloadBytes) return jwtStatus.payloadBadBase64;
  const payload = jsonObject(payloadBytes);
  if (!payload) return jwtStatus.payloadBadJson;
  const issuer = textClaim(payload, 'iss');
  if (issuer === undefined) return jwtStatus.issNotString;
  const subject = textClaim(payload, 'sub');
  if (subject === undefined) return jwtStatus.subNotString;
  const times: number[] = [];
  for (const name of ['iat', 'nbf', 'exp'] as const) {
    const time = timeClaim(payload, name);
    if (time === 'not integer') return jwtStatus[`${name}NotInteger`];
    if (time === 'out of range') return jwtStatus[`${name}OutOfRange`];
    times.push(time);
  }
  if (textClaim(payload, 'jti') === undefined) return jwtStatus.jtiNotString;
  const audiences = audiencesOf(payload);
  if (!audiences) return jwtStatus.audNotString;

  const signature = fromBase64Url(signatureSegment);
  if (!signature) return jwtStatus.signatureBadBase64;
  const [issuedAt = 0, notBefore = 0, expires = 0] = times;
  return {
    algorithm,
    keyId,
    issuer,
    subject,
    audiences,
    issuedAt,
    notBefore,
    expires,
    header,
    payload,
    payloadSegment,
    signed: `${headerSegment}.${payloadSegment}`,
    signature,
  };
}
