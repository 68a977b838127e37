import type {
  envoy_config_route_v3_QueryParameterMatcher as QueryParameterMatcher,
  envoy_config_route_v3_RouteMatch as RouteMatch,
  envoy_type_matcher_v3_MetadataMatcher as MetadataMatcher,
  istio_networking_v1alpha3_HTTPMatchRequest as HttpMatch,
  istio_networking_v1alpha3_StringMatch as StringMatch,
} from '@lateen/protos';
import { selects } from '../model/service.ts';
import { gatewayName } from '../model/virtual-services.ts';
import { claimMatcher, claimPath } from '../security/claim-matcher.ts';
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

const claimKey = '@request.auth.claims';

/** Matchers of the validated token's claims, which a match names as if they were headers. */
function claimMatchers(matches: [string, StringMatch][], invert: boolean): MetadataMatcher[] {
  return matches
    .filter(([name]) => name.startsWith(claimKey))
    .map(([name, match]) => {
      const value = stringMatcher(match) ?? { safeRegex: { regex: '.+' } };
      return {
        ...claimMatcher(claimPath(name.slice(claimKey.length)), [value]),
        ...(invert ? { invert } : {}),
      };
    });
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
  const without = sorted(match.withoutHeaders);
  const claims = [...claimMatchers(sorted(match.headers), false), ...claimMatchers(without, true)];
  const headers = sorted(match.headers)
    .filter(([name]) => !pseudoHeaders.has(name) && !name.startsWith(claimKey))
    .map(([name, value]) => headerMatcher(name, value));
  headers.push(
    ...without
      .filter(([name]) => !name.startsWith(claimKey))
      .map(([name, value]) => withoutHeaderMatcher(name, value)),
  );
  if (match.method) headers.push(headerMatcher(':method', match.method));
  if (match.authority) headers.push(headerMatcher(':authority', match.authority));
  if (match.scheme) headers.push(headerMatcher(':scheme', match.scheme));
  const query = sorted(match.queryParams).map(([name, value]) => queryMatcher(name, value));
  return {
    ...pathFields(match.uri),
    caseSensitive: { value: !match.ignoreUriCase },
    ...(headers.length > 0 ? { headers } : {}),
    ...(query.length > 0 ? { queryParameters: query } : {}),
    ...(claims.length > 0 ? { dynamicMetadata: claims } : {}),
  };
}

/** Does the match take every request? What comes after it is never reached. */
export function isCatchAll(match: RouteMatch): boolean {
  const conditions =
    (match.headers ?? []).length +
    (match.queryParameters ?? []).length +
    (match.dynamicMetadata ?? []).length;
  const anyPath = match.prefix === '/' || match.safeRegex?.regex === '*';
  return anyPath && conditions === 0;
}
