import type { RequestHeaders } from '@lateen/http-wire';
import { invalidConfig } from '@lateen/matching';
import type { envoy_extensions_filters_http_jwt_authn_v3_JwtProvider as JwtProvider } from '@lateen/protos';

/** A token that a request carries. */
export interface CarriedToken {
  readonly text: string;
  /** May a token of this issuer stand there? */
  allows(issuer: string): boolean;
  /** Takes the token out of the request. One in a cookie stays, as in Envoy. */
  remove(headers: RequestHeaders): void;
}

type Issuers = Set<string>;

interface HeaderPlace {
  readonly name: string;
  readonly prefix: string;
  readonly issuers: Issuers;
}

const byKey = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0);

/** Undoes percent-encoding; text that is no such encoding stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function queryParts(target: string): string[] {
  const mark = target.indexOf('?');
  return mark < 0 ? [] : target.slice(mark + 1).split('&');
}

const nameOf = (part: string): string => decoded(part.split('=', 1)[0]!);

function parameter(target: string, name: string): string | undefined {
  const part = queryParts(target).find((each) => nameOf(each) === name);
  return part === undefined ? undefined : decoded(part.slice(part.indexOf('=') + 1 || part.length));
}

function withoutParameter(target: string, name: string): string {
  const kept = queryParts(target).filter((part) => nameOf(part) !== name);
  const bare = target.split('?', 1)[0]!;
  return kept.length === 0 ? bare : `${bare}?${kept.join('&')}`;
}

function cookies(headers: RequestHeaders): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of headers.all('cookie')) {
    for (const part of line.split(';')) {
      const equals = part.indexOf('=');
      const name = equals < 0 ? '' : part.slice(0, equals).trim();
      const value = part.slice(equals + 1).trim();
      const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"');
      if (name !== '' && !found.has(name)) found.set(name, bare ? value.slice(1, -1) : value);
    }
  }
  return found;
}

/** Where the tokens of some providers stand in a request. */
export interface TokenLocations {
  /** Headers first, then parameters, then cookies; each by name. */
  find(headers: RequestHeaders): CarriedToken[];
}

/** Compiles the places of providers. @throws LateenError LTN_CONFIG_INVALID naming a header without a name */
export function compileLocations(
  providers: readonly (readonly [provider: JwtProvider, path: string])[],
): TokenLocations {
  const headerPlaces = new Map<string, HeaderPlace>();
  const parameters = new Map<string, Issuers>();
  const cookieNames = new Map<string, Issuers>();
  const addHeader = (name: string, prefix: string, issuer: string): void => {
    const key = name + prefix;
    const place = headerPlaces.get(key) ?? { name, prefix, issuers: new Set() };
    place.issuers.add(issuer);
    headerPlaces.set(key, place);
  };
  const addName = (places: Map<string, Issuers>, name: string, issuer: string): void => {
    places.set(name, (places.get(name) ?? new Set<string>()).add(issuer));
  };
  for (const [{ issuer = '', fromHeaders = [], fromParams = [], fromCookies = [] }, path] of providers) {
    for (const [index, { name = '', valuePrefix = '' }] of fromHeaders.entries()) {
      if (name === '') throw invalidConfig(`${path}.from_headers[${index}].name`, 'must not be empty');
      addHeader(name.toLowerCase(), valuePrefix, issuer);
    }
    for (const name of fromParams) addName(parameters, name, issuer);
    for (const name of fromCookies) addName(cookieNames, name, issuer);
    if (fromHeaders.length + fromParams.length + fromCookies.length === 0) {
      addHeader('authorization', 'Bearer ', issuer);
      addName(parameters, 'access_token', issuer);
    }
  }
  const ofHeaders = [...headerPlaces].sort(byKey).map(([, place]) => place);
  const ofParameters = [...parameters].sort(byKey);
  const ofCookies = [...cookieNames].sort(byKey);
  // The empty issuer stands for a provider that takes tokens of anyone.
  const allowing = (issuers: Issuers) => (issuer: string) => issuers.has('') || issuers.has(issuer);
  return {
    find(headers) {
      const tokens: CarriedToken[] = [];
      for (const { name, prefix, issuers } of ofHeaders) {
        for (const value of headers.all(name)) {
          const at = value.indexOf(prefix);
          if (at < 0) continue;
          const after = value.slice(at + prefix.length);
          // What can't stand in a token is passed over; without anything that can, the whole value is judged.
          const start = prefix === '' ? 0 : after.search(/[A-Za-z0-9\-_.]/);
          const text = start < 0 ? value : after.slice(start);
          tokens.push({ text, allows: allowing(issuers), remove: (from) => from.delete(name) });
        }
      }
      for (const [name, issuers] of ofParameters) {
        const text = parameter(headers.path, name);
        if (text === undefined) continue;
        const remove = (from: RequestHeaders): void => void (from.path = withoutParameter(from.path, name));
        tokens.push({ text, allows: allowing(issuers), remove });
      }
      if (ofCookies.length > 0) {
        const found = cookies(headers);
        for (const [name, issuers] of ofCookies) {
          const text = found.get(name);
          if (text !== undefined) tokens.push({ text, allows: allowing(issuers), remove() {} });
        }
      }
      return tokens;
    },
  };
}
