import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { invalidConfig } from '@lateen/matching';
import {
  type envoy_config_core_v3_DataSource as DataSource,
  type google_protobuf_Any,
  unpackAny,
} from '@lateen/protos';
import { messageOf } from '@lateen/runtime';
import type { FilterStream, HttpFilter } from './filter.ts';
import type { HttpFilterKind } from './kind.ts';

const config = 'envoy.extensions.filters.http.basic_auth.v3.BasicAuth';
const routeConfig = 'envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute';

/** SHA-1 digests by user, as htpasswd's `{SHA}` has them. */
type Users = ReadonlyMap<string, Buffer>;

function parseUsers(text: string, path: string): Users {
  const users = new Map<string, Buffer>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([^:]+):\{SHA\}([A-Za-z0-9+/]{27}=)$/.exec(line);
    if (!match) throw invalidConfig(path, `line ${index + 1} is not "user:{SHA}digest"`);
    if (users.has(match[1]!)) throw invalidConfig(path, `line ${index + 1} names a user twice`);
    users.set(match[1]!, Buffer.from(match[2]!, 'base64'));
  }
  return users;
}

function readUsers(source: DataSource | undefined, path: string): Users {
  if (source?.filename) {
    try {
      return parseUsers(readFileSync(source.filename, 'utf8'), `${path}.filename`);
    } catch (error) {
      if (error instanceof Error && 'code' in error && !String(error.code).startsWith('LTN_')) {
        throw invalidConfig(`${path}.filename`, messageOf(error));
      }
      throw error;
    }
  }
  const text =
    source?.inlineString ?? (source?.inlineBytes ? Buffer.from(source.inlineBytes).toString() : undefined);
  if (text === undefined) throw invalidConfig(path, 'needs filename, inline_string or inline_bytes');
  return parseUsers(text, path);
}

/**
 * `authentication_header`, field 3: newer than the bundled message, so that it is read from the bytes. Length-delimited
 * fields are all that the message has.
 */
function authenticationHeader(any: google_protobuf_Any): string {
  const bytes = Buffer.from(any.value ?? new Uint8Array());
  let found = '';
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++]!;
    let length = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (tag === 0x1a) found = bytes.toString('latin1', at, at + length);
    at += length;
  }
  return found.toLowerCase();
}

/** User whose password the header proves, or why it proves none. */
function verify(
  users: Users,
  value: string | undefined,
): { user: string } | { body: string; details: string } {
  const failed = (body: string, details: string): { body: string; details: string } => ({
    body: `User authentication failed. ${body}`,
    details,
  });
  if (value === undefined) return failed('Missing username and password.', 'no_credential_for_basic_auth');
  if (!/^basic /i.test(value))
    return failed("Expected 'Basic' authentication scheme.", 'invalid_scheme_for_basic_auth');
  const decoded = Buffer.from(value.slice(6).trim(), 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) return failed('Invalid basic credential format.', 'invalid_format_for_basic_auth');
  const user = decoded.slice(0, colon);
  const digest = createHash('sha1')
    .update(decoded.slice(colon + 1))
    .digest();
  // An unknown user costs the same comparison as a known one.
  const expected = users.get(user) ?? Buffer.alloc(20);
  const same = timingSafeEqual(digest, expected) && users.has(user);
  return same
    ? { user }
    : failed('Invalid username/password combination.', 'invalid_credential_for_basic_auth');
}

/** HTTP Basic authentication (RFC 7617; Envoy's filter) against htpasswd `{SHA}` entries. */
export const basicAuth: HttpFilterKind = {
  config,
  routeConfig,
  decodeRoute: (any, path) => readUsers(unpackAny(routeConfig, any).users, `${path}.users`),
  compile(any, { name, path }) {
    const fields = unpackAny(config, any);
    const own = readUsers(fields.users, `${path}.users`);
    const header = authenticationHeader(any) || 'authorization';
    const proxy = header === 'proxy-authorization';
    const forwardUser = (fields.forwardUsernameHeader ?? '').toLowerCase();
    const filter: HttpFilter = {
      name,
      onRequest(stream: FilterStream) {
        const users = (stream.routeConfig(name) as Users | undefined) ?? own;
        const headers = stream.requestHeaders;
        const result = verify(users, headers.get(header));
        if ('user' in result) {
          // Credentials for this proxy are nobody else's business.
          if (proxy) headers.delete(header);
          if (forwardUser !== '') headers.set(forwardUser, result.user);
          return 'continue';
        }
        const challenge = proxy ? 'proxy-authenticate' : 'www-authenticate';
        const realm = proxy
          ? 'lateen'
          : `${headers.scheme}://${headers.authority}${headers.path}`.replaceAll('"', '');
        stream.reply({
          status: proxy ? 407 : 401,
          ...result,
          edit: (response) => response.set(challenge, `Basic realm="${realm}"`),
        });
        return 'answered';
      },
    };
    return filter;
  },
};
