import {
  boolOr,
  compileHeaderMatcher,
  compileMetadataMatcher,
  compileQueryMatcher,
  compileRegex,
  invalidConfig,
  pathWithoutQuery,
  refuseFields,
  runtimeFraction,
} from '@lateen/matching';
import type { envoy_config_route_v3_RouteMatch } from '@lateen/protos';
import type { RouteRequest } from './decision.ts';

/** One condition of a route; `reason` says why the route is passed over when it fails. */
interface Condition {
  readonly reason: string;
  holds(request: RouteRequest, path: string): boolean;
}

/** The compiled `match` of a route. */
export interface RouteMatcher {
  /** Index of the first condition that fails, -1 when the route matches. `path` is the request's without query. */
  firstMiss(request: RouteRequest, path: string): number;
  /** Why condition `index` fails. */
  reason(index: number): string;
  /** The leading part of a path that rewriting replaces, as a length; the whole path for exact and regex matches. */
  matchedLength(path: string): number;
}

interface PathCondition extends Condition {
  matchedLength(path: string): number;
}

/** Is this the content type of gRPC? `application/grpc-web` is not (Envoy's rule). */
export function isGrpcContentType(type: string | undefined): boolean {
  if (!type?.startsWith('application/grpc')) return false;
  return type.length === 16 || type[16] === '+' || type[16] === ';';
}

function pathCondition(match: envoy_config_route_v3_RouteMatch, path: string): PathCondition {
  const insensitive = !boolOr(match.caseSensitive, true);
  const fold = (text: string): string => (insensitive ? text.toLowerCase() : text);
  const whole = (text: string): number => text.length;
  if (match.prefix !== undefined) {
    const prefix = fold(match.prefix);
    const { length } = prefix;
    const reason = `the path does not start with ${match.prefix}`;
    if (prefix === '/')
      return { reason, holds: (_, text) => text.charCodeAt(0) === 47, matchedLength: () => length };
    if (insensitive) {
      return { reason, holds: (_, text) => fold(text).startsWith(prefix), matchedLength: () => length };
    }
    return { reason, holds: (_, text) => text.startsWith(prefix), matchedLength: () => length };
  }
  if (match.path !== undefined) {
    const exact = fold(match.path);
    const reason = `the path is not ${match.path}`;
    if (insensitive) return { reason, holds: (_, text) => fold(text) === exact, matchedLength: whole };
    return { reason, holds: (_, text) => text === exact, matchedLength: whole };
  }
  if (match.safeRegex) {
    const matches = compileRegex(match.safeRegex, `${path}.safe_regex`);
    const reason = `the path does not match ${match.safeRegex.regex ?? ''}`;
    return { reason, holds: (_, text) => matches(text), matchedLength: whole };
  }
  if (match.pathSeparatedPrefix !== undefined) {
    if (!/^[^?#]*[^?#/]$/.test(match.pathSeparatedPrefix)) {
      throw invalidConfig(
        `${path}.path_separated_prefix`,
        'must not be empty, end in "/" or hold "?" or "#"',
      );
    }
    const prefix = fold(match.pathSeparatedPrefix);
    const { length } = prefix;
    const reason = `the path is not ${match.pathSeparatedPrefix} or below it`;
    return {
      reason,
      holds(_, text) {
        const folded = fold(text);
        return folded.startsWith(prefix) && (folded.length === length || folded.charCodeAt(length) === 47);
      },
      matchedLength: () => length,
    };
  }
  if (match.connectMatcher) {
    const reason = 'the method is not CONNECT';
    return { reason, holds: (request) => request.method === 'CONNECT', matchedLength: whole };
  }
  if (match.pathMatchPolicy) throw invalidConfig(`${path}.path_match_policy`, 'is not supported');
  throw invalidConfig(path, 'names no path to match');
}

function tlsCondition(match: envoy_config_route_v3_RouteMatch): Condition | undefined {
  const { presented, validated } = match.tlsContext ?? {};
  if (!presented && !validated) return undefined;
  return {
    reason: 'the client certificate is not as asked',
    holds({ peerCertificate }) {
      if (presented && (peerCertificate !== 'none') !== boolOr(presented, false)) return false;
      return !validated || (peerCertificate === 'validated') === boolOr(validated, false);
    },
  };
}

/** Options that hold for a whole table. */
export interface MatchOptions {
  /** Drops `;parameters` from each path segment before comparing. */
  readonly ignorePathParameters: boolean;
}

/** Compiles `envoy.config.route.v3.RouteMatch`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileRouteMatch(
  match: envoy_config_route_v3_RouteMatch,
  path: string,
  options: MatchOptions,
): RouteMatcher {
  refuseFields(match, path, ['pathMatchPolicy']);
  const onPath = pathCondition(match, path);
  const conditions: Condition[] = [onPath];
  if (options.ignorePathParameters) {
    conditions[0] = {
      reason: onPath.reason,
      holds: (request, text) => onPath.holds(request, text.replace(/;[^/]*/g, '')),
    };
  }
  for (const [index, matcher] of (match.headers ?? []).entries()) {
    const matches = compileHeaderMatcher(matcher, `${path}.headers[${index}]`);
    conditions.push({
      reason: `header ${matcher.name ?? ''} does not match`,
      holds: (request) => matches(request.headers),
    });
  }
  for (const [index, matcher] of (match.queryParameters ?? []).entries()) {
    const matches = compileQueryMatcher(matcher, `${path}.query_parameters[${index}]`);
    conditions.push({
      reason: `query parameter ${matcher.name ?? ''} does not match`,
      holds: (request) => matches(request.path),
    });
  }
  if (match.grpc) {
    conditions.push({
      reason: 'the request is not gRPC',
      holds: (request) => isGrpcContentType(request.headers.get('content-type')),
    });
  }
  const onTls = tlsCondition(match);
  if (onTls) conditions.push(onTls);
  for (const [index, matcher] of (match.dynamicMetadata ?? []).entries()) {
    const matches = compileMetadataMatcher(matcher, `${path}.dynamic_metadata[${index}]`);
    conditions.push({
      reason: `metadata of ${matcher.filter ?? ''} does not match`,
      holds: (request) => matches((filter) => request.metadata(filter)),
    });
  }
  const fraction = runtimeFraction(match.runtimeFraction);
  if (fraction !== undefined) {
    conditions.push({
      reason: 'the request is outside the runtime fraction',
      holds: (request) => request.random() < fraction,
    });
  }
  const only = conditions.length === 1 ? conditions[0]! : undefined;
  return {
    firstMiss(request, text) {
      if (only) return only.holds(request, text) ? -1 : 0;
      for (let index = 0; index < conditions.length; index += 1) {
        if (!conditions[index]!.holds(request, text)) return index;
      }
      return -1;
    },
    reason: (index) => conditions[index]?.reason ?? '',
    matchedLength: (target) => onPath.matchedLength(pathWithoutQuery(target)),
  };
}
