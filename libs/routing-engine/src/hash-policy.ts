import { compileSubstitution, type HeaderView, invalidConfig, queryParameter } from '@lateen/matching';
import { durationMs, type envoy_config_route_v3_RouteAction_HashPolicy } from '@lateen/protos';
import type { CookieMaker, RouteRequest } from './decision.ts';

/** 32-bit hash of a text (FNV-1a with a final mix, so that short texts spread over a ring). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Value of a cookie; surrounding quotes are dropped. */
function cookieOf(headers: HeaderView, name: string): string | undefined {
  for (const part of (headers.get('cookie') ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue;
    const value = part.slice(equals + 1).trim();
    return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return undefined;
}

type TextSource = (
  request: RouteRequest,
  remoteAddress: string,
  maker: CookieMaker | undefined,
) => string | undefined;

type CookiePolicy = NonNullable<envoy_config_route_v3_RouteAction_HashPolicy['cookie']>;

/** 16 hex digits for a connection: what a cookie that we make up holds. */
function cookieValue(connection: string): string {
  const half = (text: string): string => hashText(text).toString(16).padStart(8, '0');
  return half(connection) + half(`${connection}#`);
}

/** With a ttl (0: for the session) a client without the cookie gets one (RFC 6265), written as Envoy does. */
function compileCookie(cookie: CookiePolicy, path: string): TextSource {
  const name = cookie.name ?? '';
  if (name === '') throw invalidConfig(`${path}.name`, 'must not be empty');
  const ttlMs = durationMs(cookie.ttl);
  if (ttlMs === undefined) return ({ headers }) => cookieOf(headers, name);
  const attributes = [
    ...(ttlMs > 0 ? [`Max-Age=${Math.floor(ttlMs / 1000)}`] : []),
    ...(cookie.path ? [`Path=${cookie.path}`] : []),
    ...(cookie.attributes ?? []).map((attribute) =>
      attribute.value ? `${attribute.name ?? ''}=${attribute.value}` : (attribute.name ?? ''),
    ),
    'HttpOnly',
  ];
  const tail = attributes.map((attribute) => `; ${attribute}`).join('');
  return ({ headers }, _, maker) => {
    const sent = cookieOf(headers, name);
    if (sent !== undefined || !maker) return sent;
    const value = cookieValue(maker.connectionText());
    maker.offerCookie(`${name}="${value}"${tail}`);
    return value;
  };
}

function sourceOf(policy: envoy_config_route_v3_RouteAction_HashPolicy, path: string): TextSource {
  if (policy.header) {
    const name = (policy.header.headerName ?? '').toLowerCase();
    if (name === '') throw invalidConfig(`${path}.header.header_name`, 'must not be empty');
    const { regexRewrite } = policy.header;
    const rewrite = regexRewrite
      ? compileSubstitution(regexRewrite, `${path}.header.regex_rewrite`)
      : undefined;
    return ({ headers }) => {
      const value = headers.get(name);
      return value !== undefined && rewrite ? rewrite(value) : value;
    };
  }
  if (policy.cookie) return compileCookie(policy.cookie, `${path}.cookie`);
  if (policy.queryParameter) {
    const name = policy.queryParameter.name ?? '';
    if (name === '') throw invalidConfig(`${path}.query_parameter.name`, 'must not be empty');
    return (request) => queryParameter(request.path, name);
  }
  if (policy.connectionProperties?.sourceIp) return (_, remoteAddress) => remoteAddress;
  throw invalidConfig(path, policy.filterState ? 'filter_state is not supported' : 'names nothing to hash');
}

/**
 * Compiles a route's hash policies: each adds to the hash, a terminal one ends the list once there is a hash.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compileHashPolicies(
  policies: readonly envoy_config_route_v3_RouteAction_HashPolicy[],
  path: string,
): (request: RouteRequest, remoteAddress: string, maker?: CookieMaker) => number | undefined {
  if (policies.length === 0) return () => undefined;
  const sources = policies.map((policy, index) => ({
    text: sourceOf(policy, `${path}[${index}]`),
    terminal: policy.terminal ?? false,
  }));
  return (request, remoteAddress, maker) => {
    let hash: number | undefined;
    for (const { text, terminal } of sources) {
      const value = text(request, remoteAddress, maker);
      if (value !== undefined) {
        const next = hashText(value);
        hash = hash === undefined ? next : (((hash << 1) | (hash >>> 31)) ^ next) >>> 0;
      }
      if (terminal && hash !== undefined) break;
    }
    return hash;
  };
}
