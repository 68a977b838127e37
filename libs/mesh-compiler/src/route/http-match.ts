import type {
  envoy_config_route_v3_QueryParameterMatcher as QueryParameterMatcher,
  envoy_config_route_v3_RouteMatch as RouteMatch,
  istio_networking_v1alpha3_HTTPMatchRequest as HttpMatch,
  istio_networking_v1alpha3_StringMatch as StringMatch,
} from '@lateen/protos';
import { selects } from '../model/service.ts';
import { gatewayName } from '../model/virtual-services.ts';
import { headerMatcher, stringMatcher, withoutHeaderMatcher } from './string-match.ts';

/** Where a match is asked about: what is the same for every request is decided when the route is built. */
export interface MatchScope {
  readonly labels: ReadonlyMap<string, string>;
  readonly namespace: string;
  /** Gateways that the routes are built for: `mesh` or `namespace/name`. */
  readonly gateways: ReadonlySet<string>;
  /** Port that the caller meant. */
  readonly port: number;
}

/** The parts of a match that the source and the place of the route decide. */
export interface SourceMatch {
  readonly port?: number | undefined;
  readonly sourceLabels?: { readonly [key: string]: string } | undefined;
  readonly sourceNamespace?: string | undefined;
  readonly gateways?: readonly string[] | undefined;
}

/** Can the match hold for requests from this source at this place? */
export function sourceMatches(match: SourceMatch, ownerNamespace: string, scope: MatchScope): boolean {
  if (match.port && match.port !== scope.port) return false;
  const gateways = match.gateways ?? [];
  if (gateways.length > 0 && !gateways.some((name) => scope.gateways.has(gatewayName(name, ownerNamespace))))
    return false;
  if (match.sourceNamespace && match.sourceNamespace !== scope.namespace) return false;
  return selects(match.sourceLabels ?? {}, scope.labels);
}

const pseudoHeaders: ReadonlySet<string> = new Set(['uri', 'scheme', 'method', 'authority']);

function sorted(matches: { readonly [key: string]: StringMatch } | undefined): [string, StringMatch][] {
  return Object.entries(matches ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

function pathFields(uri: StringMatch | undefined): Partial<RouteMatch> {
  if (uri?.exact !== undefined) return { path: uri.exact };
  if (uri?.regex !== undefined) return { safeRegex: { regex: uri.regex } };
  return { prefix: uri?.prefix ?? '/' };
}

function queryMatcher(name: string, match: StringMatch): QueryParameterMatcher {
  const value = match.exact === '' ? undefined : stringMatcher(match);
  return value ? { name, stringMatch: value } : { name, presentMatch: true };
}

/** Envoy's match of one HTTPMatchRequest; everything when there is none. */
export function routeMatch(match: HttpMatch | undefined): RouteMatch {
  if (!match) return { prefix: '/' };
  const headers = sorted(match.headers)
    .filter(([name]) => !pseudoHeaders.has(name))
    .map(([name, value]) => headerMatcher(name, value));
  headers.push(...sorted(match.withoutHeaders).map(([name, value]) => withoutHeaderMatcher(name, value)));
  if (match.method) headers.push(headerMatcher(':method', match.method));
  if (match.authority) headers.push(headerMatcher(':authority', match.authority));
  if (match.scheme) headers.push(headerMatcher(':scheme', match.scheme));
  const query = sorted(match.queryParams).map(([name, value]) => queryMatcher(name, value));
  return {
    ...pathFields(match.uri),
    caseSensitive: { value: !match.ignoreUriCase },
    ...(headers.length > 0 ? { headers } : {}),
    ...(query.length > 0 ? { queryParameters: query } : {}),
  };
}

/** Does the match take every request? What comes after it is never reached. */
export function isCatchAll(match: RouteMatch): boolean {
  const anyPath = match.prefix === '/' || match.safeRegex?.regex === '*';
  return anyPath && (match.headers ?? []).length === 0 && (match.queryParameters ?? []).length === 0;
}
