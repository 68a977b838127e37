import { invalidConfig, pathWithoutQuery, refuseFields } from '@lateen/matching';
import {
  type envoy_config_core_v3_DataSource,
  type envoy_config_route_v3_DirectResponseAction,
  type envoy_config_route_v3_Route,
  type envoy_config_route_v3_RouteAction_RequestMirrorPolicy,
  type envoy_config_route_v3_VirtualHost,
  enumOf,
} from '@lateen/protos';
import type { RouteDecision, RouteMiss, RouteRequest } from './decision.ts';
import { compileForwardAction } from './forward.ts';
import { compileLevel, type Level, type LevelOptions } from './level.ts';
import { clientScheme, compileRedirect, tlsLocation } from './redirect.ts';
import { compileRouteMatch, type MatchOptions, type RouteMatcher } from './route-match.ts';

/** What compiling a virtual host needs of the table around it. */
export interface TableContext extends LevelOptions, MatchOptions {
  readonly tableLevel: Level;
  readonly tableMirrors: readonly envoy_config_route_v3_RouteAction_RequestMirrorPolicy[];
  /** Bytes of a `DataSource`. @throws LateenError naming `path` */
  readonly readDataSource: (source: envoy_config_core_v3_DataSource, path: string) => Uint8Array;
  readonly maxDirectBodyBytes: number;
  readonly clusters: Set<string>;
}

/** A compiled virtual host. */
export interface VirtualHost {
  readonly name: string;
  /** First route that matches; `misses`, when given, gets the routes passed over. */
  decide(request: RouteRequest, misses?: RouteMiss[]): RouteDecision;
}

interface CompiledRoute {
  readonly label: string;
  readonly matcher: RouteMatcher;
  readonly decide: (request: RouteRequest) => RouteDecision;
}

function compileDirect(
  route: envoy_config_route_v3_Route,
  action: envoy_config_route_v3_DirectResponseAction,
  level: Level,
  at: { host: string; path: string; context: TableContext },
): CompiledRoute['decide'] {
  const path = `${at.path}.direct_response`;
  const status = action.status ?? 0;
  if (status < 200 || status > 599)
    throw invalidConfig(`${path}.status`, `${status} is not within 200 and 599`);
  const body = action.body ? at.context.readDataSource(action.body, `${path}.body`) : new Uint8Array();
  const limit = at.context.maxDirectBodyBytes;
  if (body.length > limit)
    throw invalidConfig(`${path}.body`, `has ${body.length} bytes, at most ${limit} are allowed`);
  const { responseHeaders, filterConfig } = level;
  const decision: RouteDecision = {
    kind: 'direct',
    virtualHost: at.host,
    routeName: route.name ?? '',
    status,
    body,
    responseHeaders,
    filterConfig,
  };
  return () => decision;
}

function compileRoute(
  route: envoy_config_route_v3_Route,
  path: string,
  host: { config: envoy_config_route_v3_VirtualHost; level: Level; path: string },
  context: TableContext,
): Omit<CompiledRoute, 'label'> {
  refuseFields(route, path, ['filterAction', 'nonForwardingAction', 'tracing', 'perRequestBufferLimitBytes']);
  if (!route.match) throw invalidConfig(`${path}.match`, 'is required');
  const matcher = compileRouteMatch(route.match, `${path}.match`, context);
  const level = compileLevel(route, path, host.level, context);
  const name = host.config.name ?? '';
  if (route.route) {
    const { tableMirrors, clusters } = context;
    const place = {
      virtualHost: host.config,
      hostPath: host.path,
      tableMirrors,
      matcher,
      level,
      options: context,
      path,
      clusters,
    };
    return { matcher, decide: compileForwardAction(route, route.route, place) };
  }
  if (route.redirect) {
    const redirect = compileRedirect(route.redirect, matcher, `${path}.redirect`);
    const routeName = route.name ?? '';
    const { responseHeaders } = level;
    const decide = (request: RouteRequest): RouteDecision => ({
      kind: 'redirect',
      virtualHost: name,
      routeName,
      status: redirect.status,
      location: redirect.location(request),
      responseHeaders,
    });
    return { matcher, decide };
  }
  if (route.directResponse) {
    return {
      matcher,
      decide: compileDirect(route, route.directResponse, level, { host: name, path, context }),
    };
  }
  throw invalidConfig(path, 'has no action');
}

/** Compiles `envoy.config.route.v3.VirtualHost`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileVirtualHost(
  config: envoy_config_route_v3_VirtualHost,
  path: string,
  context: TableContext,
): VirtualHost {
  refuseFields(config, path, [
    'matcher',
    'cors',
    'includeAttemptCountInResponse',
    'retryPolicyTypedConfig',
    'hedgePolicy',
    'includeIsTimeoutRetryHeader',
    'perRequestBufferLimitBytes',
  ]);
  const name = config.name ?? '';
  if (name === '') throw invalidConfig(`${path}.name`, 'must not be empty');
  const level = compileLevel(config, path, context.tableLevel, context);
  const routes = (config.routes ?? []).map((route, index): CompiledRoute => {
    const compiled = compileRoute(route, `${path}.routes[${index}]`, { config, level, path }, context);
    return { label: route.name || `#${index}`, ...compiled };
  });
  const kinds = enumOf('envoy.config.route.v3.VirtualHost.TlsRequirementType');
  const requireTls = config.requireTls ?? kinds.NONE;
  const noRoute: RouteDecision = { kind: 'no-route', virtualHost: name };

  const needsTls = (request: RouteRequest): boolean => {
    if (requireTls === kinds.NONE || clientScheme(request) === 'https') return false;
    return requireTls === kinds.ALL || request.headers.get('x-envoy-internal') !== 'true';
  };
  return {
    name,
    decide(request, misses) {
      if (needsTls(request)) {
        const location = tlsLocation(request);
        return {
          kind: 'redirect',
          virtualHost: name,
          routeName: '',
          status: 301,
          location,
          responseHeaders: [],
        };
      }
      const bare = pathWithoutQuery(request.path);
      for (const route of routes) {
        const miss = route.matcher.firstMiss(request, bare);
        if (miss < 0) return route.decide(request);
        misses?.push({ route: route.label, reason: route.matcher.reason(miss) });
      }
      return noRoute;
    },
  };
}
