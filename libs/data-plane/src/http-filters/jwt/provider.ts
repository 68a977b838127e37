import { compileStringMatcher, invalidConfig, joinPath, type TextMatcher } from '@lateen/matching';
import {
  durationMs,
  type envoy_extensions_filters_http_jwt_authn_v3_JwtProvider as JwtProvider,
} from '@lateen/protos';
import { readText } from '../../bootstrap/data-source.ts';
import type { FilterStream } from '../filter.ts';
import { readKeySet } from './key-set.ts';
import type { CarriedToken } from './locations.ts';
import { type JwtStatus, jwtStatus } from './status.ts';
import type { Token } from './token.ts';

/** What verified tokens leave in the filter's dynamic metadata, by key. */
export type JwtMetadata = { [key: string]: unknown };

/** Whose tokens are taken and what becomes of a verified one. */
export interface Provider {
  readonly issuer: string;
  readonly config: JwtProvider;
  /** Field path, for errors. */
  readonly path: string;
  /** Headers that only this filter may set. */
  readonly ownHeaders: readonly string[];
  readonly clearsRoute: boolean;
  /** Checks everything about a token. `audiences`, when given, stand in place of the provider's. `nowMs`: epoch. */
  check(token: Token, nowMs: number, audiences: ReadonlySet<string> | undefined): JwtStatus;
  /** Copies a verified token into headers and metadata, and takes it out of the request unless it is forwarded. */
  publish(token: Token, carried: CarriedToken, to: { stream: FilterStream; metadata: JwtMetadata }): void;
  /** Leaves word of a failure in the metadata where the provider wants that. */
  noteFailure(status: JwtStatus, metadata: JwtMetadata): void;
}

/** Audiences are compared without scheme and trailing slash, as Envoy does. */
function plainAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '');
}

/** Set of audiences as tokens' are compared with. */
export function audienceSet(audiences: readonly string[]): ReadonlySet<string> {
  return new Set(audiences.map(plainAudience));
}

/** Value at `a.b.c`: dots always lead into objects, so that a claim whose own name has dots is never found. */
function claimAt(payload: unknown, name: string): unknown {
  let value = payload;
  for (const key of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

/** Header value of a claim: objects and lists as JSON in base64, as Envoy writes them; `undefined` for null. */
function headerOfClaim(value: unknown): string | undefined {
  if (typeof value === 'number') {
    return Number.isInteger(value) && value >= 0 ? BigInt(value).toString() : value.toFixed(6);
  }
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'object' && value !== null)
    return Buffer.from(JSON.stringify(value)).toString('base64');
  // A claim must not smuggle a line break into the request.
  return typeof value === 'string' && value !== '' && !/[\r\n\0]/.test(value) ? value : undefined;
}

/** Copy of a payload in which claims of words are lists of them. */
function withLists(payload: Token['payload'], claims: ReadonlySet<string>): Token['payload'] {
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(payload)) {
    copy[key] = claims.has(key) && typeof value === 'string' ? value.split(' ') : value;
  }
  return copy;
}

/** Envoy's default. Seconds. */
const defaultClockSkew = 60;

function timeStatus(token: Token, nowMs: number, skew: number): JwtStatus {
  const now = Math.floor(nowMs / 1000);
  if (token.notBefore > now + skew) return jwtStatus.notYetValid;
  return token.expires > 0 && now > token.expires + skew ? jwtStatus.expired : jwtStatus.ok;
}

/** Compiles `JwtProvider`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileProvider(config: JwtProvider, path: string): Provider {
  if (config.remoteJwks)
    throw invalidConfig(joinPath(path, 'remote_jwks'), 'is not supported, local_jwks is');
  const source = readText(config.localJwks, joinPath(path, 'local_jwks'));
  if (source === undefined) throw invalidConfig(joinPath(path, 'local_jwks'), 'is required');
  const keys = readKeySet(source);
  if (!keys) throw invalidConfig(joinPath(path, 'local_jwks'), 'holds no usable key');
  const { issuer = '', forward = false, payloadInMetadata = '', headerInMetadata = '' } = config;
  const failedStatus = config.failedStatusInMetadata ?? '';
  const payloadHeader = (config.forwardPayloadHeader ?? '').toLowerCase();
  const claimHeaders = (config.claimToHeaders ?? []).map(({ headerName = '', claimName = '' }, index) => {
    const at = `${path}.claim_to_headers[${index}]`;
    if (headerName === '') throw invalidConfig(`${at}.header_name`, 'must not be empty');
    if (claimName === '') throw invalidConfig(`${at}.claim_name`, 'must not be empty');
    return { header: headerName.toLowerCase(), claim: claimName };
  });
  const subjects: TextMatcher | undefined =
    config.subjects && compileStringMatcher(config.subjects, `${path}.subjects`);
  const maxLifetimeSeconds = config.maxLifetime ? (durationMs(config.maxLifetime) ?? 0) / 1000 : undefined;
  const skew = config.clockSkewSeconds || defaultClockSkew;
  const own = audienceSet(config.audiences ?? []);
  const lists = new Set(config.normalizePayloadInMetadata?.spaceDelimitedClaims ?? []);

  const lifetimeStatus = ({ expires, issuedAt, notBefore }: Token, nowMs: number): JwtStatus => {
    const bounded = config.requireExpiration || maxLifetimeSeconds !== undefined;
    if (bounded && expires === 0) return jwtStatus.verificationFails;
    if (maxLifetimeSeconds === undefined) return jwtStatus.ok;
    const from = issuedAt || notBefore || Math.floor(nowMs / 1000);
    return expires - from > maxLifetimeSeconds ? jwtStatus.verificationFails : jwtStatus.ok;
  };

  return {
    issuer,
    config,
    path,
    ownHeaders: [
      ...(payloadHeader === '' ? [] : [payloadHeader]),
      ...claimHeaders.map(({ header }) => header),
    ],
    clearsRoute: config.clearRouteCache ?? false,
    check(token, nowMs, audiences) {
      const time = timeStatus(token, nowMs, skew);
      if (time !== jwtStatus.ok) return time;
      if (subjects && !subjects(token.subject)) return jwtStatus.verificationFails;
      const lifetime = lifetimeStatus(token, nowMs);
      if (lifetime !== jwtStatus.ok) return lifetime;
      const allowed = audiences ?? own;
      if (allowed.size > 0 && !token.audiences.some((audience) => allowed.has(plainAudience(audience)))) {
        return jwtStatus.audienceNotAllowed;
      }
      return keys.check(token);
    },
    publish(token, carried, { stream, metadata }) {
      const headers = stream.requestHeaders;
      if (payloadHeader !== '') {
        const segment = token.payloadSegment;
        const padded = config.padForwardPayloadHeader
          ? segment.padEnd(Math.ceil(segment.length / 4) * 4, '=')
          : segment;
        headers.append(payloadHeader, padded);
      }
      for (const { header, claim } of claimHeaders) {
        const value = headerOfClaim(claimAt(token.payload, claim));
        if (value !== undefined) headers.append(header, value);
      }
      if (!forward) carried.remove(headers);
      if (headerInMetadata !== '') metadata[headerInMetadata] = token.header;
      if (payloadInMetadata !== '') {
        metadata[payloadInMetadata] = lists.size > 0 ? withLists(token.payload, lists) : token.payload;
      }
    },
    noteFailure(status, metadata) {
      if (failedStatus !== '') metadata[failedStatus] = { message: status };
    },
  };
}
