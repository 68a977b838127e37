import {
  boolOr,
  compileSubstitution,
  invalidConfig,
  numberOr,
  pathWithoutQuery,
  refuseFields,
  runtimeFraction,
} from '@lateen/matching';
import {
  durationMs,
  type envoy_config_route_v3_Route,
  type envoy_config_route_v3_RouteAction,
  type envoy_config_route_v3_RouteAction_RequestMirrorPolicy,
  type envoy_config_route_v3_VirtualHost,
  enumOf,
} from '@lateen/protos';
import {
  autoHost,
  type ForwardRoute,
  type MirrorPolicy,
  type RouteDecision,
  type RouteRequest,
  type StreamDuration,
} from './decision.ts';
import { compileHashPolicies } from './hash-policy.ts';
import { compileLevel, type Level, type LevelOptions } from './level.ts';
import { compileRetryPolicy } from './retry-policy.ts';
import { compilePathRewrite } from './rewrite.ts';
import type { RouteMatcher } from './route-match.ts';

/** Where a route stands. */
export interface RoutePlace {
  readonly virtualHost: envoy_config_route_v3_VirtualHost;
  /** Mirrors of the table, for routes and virtual hosts that have none. */
  readonly tableMirrors: readonly envoy_config_route_v3_RouteAction_RequestMirrorPolicy[];
  readonly matcher: RouteMatcher;
  /** The route's own level with what it inherits. */
  readonly level: Level;
  readonly options: LevelOptions;
  /** Field path of the route. */
  readonly path: string;
  readonly hostPath: string;
  /** Gets every cluster that the route can choose. */
  readonly clusters: Set<string>;
}

function compileMirrors(
  policies: readonly envoy_config_route_v3_RouteAction_RequestMirrorPolicy[],
  path: string,
  clusters: Set<string>,
): readonly MirrorPolicy[] {
  return policies.map((policy, index) => {
    refuseFields(policy, `${path}[${index}]`, ['clusterHeader']);
    const cluster = policy.cluster ?? '';
    if (cluster === '') throw invalidConfig(`${path}[${index}].cluster`, 'must not be empty');
    clusters.add(cluster);
    const fraction = runtimeFraction(policy.runtimeFraction) ?? 1;
    return {
      cluster,
      applies: (draw) => draw < fraction,
      shadowHost: !policy.disableShadowHostSuffixAppend,
    };
  });
}

type HostRewrite = ForwardRoute['rewriteHost'];

function compileHostRewrite(action: envoy_config_route_v3_RouteAction, path: string): HostRewrite {
  if (action.hostRewriteLiteral) {
    const literal = action.hostRewriteLiteral;
    return () => literal;
  }
  if (boolOr(action.autoHostRewrite, false)) return () => autoHost;
  if (action.hostRewriteHeader) {
    const name = action.hostRewriteHeader.toLowerCase();
    return ({ headers }) => headers.get(name) || undefined;
  }
  if (action.hostRewritePathRegex) {
    const substitute = compileSubstitution(action.hostRewritePathRegex, `${path}.host_rewrite_path_regex`);
    return (request) => substitute(pathWithoutQuery(request.path)) || undefined;
  }
  return () => undefined;
}

function compileUpgrades(action: envoy_config_route_v3_RouteAction, path: string): ForwardRoute['upgrades'] {
  const upgrades = new Map<string, { enabled: boolean; connectTermination: boolean }>();
  for (const [index, upgrade] of (action.upgradeConfigs ?? []).entries()) {
    const at = `${path}.upgrade_configs[${index}]`;
    const type = (upgrade.upgradeType ?? '').toLowerCase();
    if (upgrades.has(type)) throw invalidConfig(at, `the upgrade ${type} stands twice`);
    if (upgrade.connectConfig)
      refuseFields(upgrade.connectConfig, `${at}.connect_config`, ['proxyProtocolConfig', 'allowPost']);
    const connectTermination = upgrade.connectConfig !== undefined;
    if (connectTermination && type !== 'connect') {
      throw invalidConfig(`${at}.connect_config`, 'is for the upgrade type CONNECT only');
    }
    upgrades.set(type, { enabled: boolOr(upgrade.enabled, true), connectTermination });
  }
  return upgrades;
}

function notFoundStatus(action: envoy_config_route_v3_RouteAction): number {
  const codes = enumOf('envoy.config.route.v3.RouteAction.ClusterNotFoundResponseCode');
  if (action.clusterNotFoundResponseCode === codes.NOT_FOUND) return 404;
  return action.clusterNotFoundResponseCode === codes.INTERNAL_SERVER_ERROR ? 500 : 503;
}

function compileStreamDuration(action: envoy_config_route_v3_RouteAction): StreamDuration | undefined {
  const duration = action.maxStreamDuration;
  if (!duration) return undefined;
  return {
    maxMs: durationMs(duration.maxStreamDuration),
    grpcHeaderMaxMs: durationMs(duration.grpcTimeoutHeaderMax),
    grpcHeaderOffsetMs: durationMs(duration.grpcTimeoutHeaderOffset) ?? 0,
  };
}

function compileForward(
  route: envoy_config_route_v3_Route,
  action: envoy_config_route_v3_RouteAction,
  place: RoutePlace,
): ForwardRoute {
  const path = `${place.path}.route`;
  const { virtualHost, matcher } = place;
  refuseFields(action, path, [
    'clusterSpecifierPlugin',
    'inlineClusterSpecifierPlugin',
    'metadataMatch',
    'pathRewritePolicy',
    'earlyDataPolicy',
    'retryPolicyTypedConfig',
    'priority',
    'cors',
    'grpcTimeoutOffset',
    'internalRedirectPolicy',
    'internalRedirectAction',
    'hedgePolicy',
  ]);
  const rewrite = compilePathRewrite(action, matcher, path);
  // A route's own retry policy replaces the virtual host's whole.
  const retry = action.retryPolicy
    ? compileRetryPolicy(action.retryPolicy, `${path}.retry_policy`)
    : virtualHost.retryPolicy &&
      compileRetryPolicy(virtualHost.retryPolicy, `${place.hostPath}.retry_policy`);
  const own = action.requestMirrorPolicies ?? [];
  const ofHost = virtualHost.requestMirrorPolicies ?? [];
  const mirrors = own.length > 0 ? own : ofHost.length > 0 ? ofHost : place.tableMirrors;
  return {
    name: route.name ?? '',
    // Envoy waits 15 s when nothing is said and for ever when 0 is.
    timeoutMs: action.timeout ? durationMs(action.timeout) || undefined : 15_000,
    idleTimeoutMs: durationMs(action.idleTimeout),
    maxGrpcTimeoutMs: durationMs(action.maxGrpcTimeout),
    maxStreamDuration: compileStreamDuration(action),
    retry,
    mirrors: compileMirrors(mirrors, `${path}.request_mirror_policies`, place.clusters),
    includeAttemptCount: virtualHost.includeRequestAttemptCount ?? false,
    clusterNotFoundStatus: notFoundStatus(action),
    upgrades: compileUpgrades(action, path),
    rewritePath: rewrite ? (request) => rewrite(request.path) : (request) => request.path,
    rewriteHost: compileHostRewrite(action, path),
    hash: compileHashPolicies(action.hashPolicy ?? [], `${path}.hash_policy`),
    appendForwardedHost: action.appendXForwardedHost ?? false,
  };
}

type Decide = (request: RouteRequest) => RouteDecision;

function forwardDecision(
  virtualHost: string,
  route: ForwardRoute,
  cluster: string,
  level: Level,
): RouteDecision {
  return { kind: 'forward', virtualHost, route, cluster, ...level };
}

function compileWeighted(
  action: envoy_config_route_v3_RouteAction,
  route: ForwardRoute,
  place: RoutePlace,
): Decide {
  const weighted = action.weightedClusters!;
  const path = `${place.path}.route.weighted_clusters`;
  refuseFields(weighted, path, ['headerName']);
  const legs: { until: number; decision: RouteDecision }[] = [];
  let total = 0;
  for (const [index, leg] of (weighted.clusters ?? []).entries()) {
    const at = `${path}.clusters[${index}]`;
    refuseFields(leg, at, ['clusterHeader', 'metadataMatch']);
    const cluster = leg.name ?? '';
    if (cluster === '') throw invalidConfig(`${at}.name`, 'must not be empty');
    place.clusters.add(cluster);
    const level = compileLevel(leg, at, place.level, place.options);
    const weight = numberOr(leg.weight, 0);
    if (weight === 0) continue;
    const literal = leg.hostRewriteLiteral;
    const legRoute = literal ? { ...route, rewriteHost: () => literal } : route;
    total += weight;
    legs.push({
      until: total,
      decision: forwardDecision(place.virtualHost.name ?? '', legRoute, cluster, level),
    });
  }
  const last = legs.at(-1)?.decision;
  if (!last) throw invalidConfig(path, 'the sum of the weights must be greater than 0');
  const declared = numberOr(weighted.totalWeight, undefined);
  if (declared !== undefined && declared !== total) {
    throw invalidConfig(`${path}.total_weight`, `is ${declared}, the weights add up to ${total}`);
  }
  return (request) => {
    const draw = request.random() * total;
    for (const leg of legs) if (draw < leg.until) return leg.decision;
    return last;
  };
}

/** Compiles a route that forwards. @throws LateenError LTN_CONFIG_INVALID naming the field */
export function compileForwardAction(
  route: envoy_config_route_v3_Route,
  action: envoy_config_route_v3_RouteAction,
  place: RoutePlace,
): Decide {
  const forward = compileForward(route, action, place);
  const host = place.virtualHost.name ?? '';
  if (action.weightedClusters) return compileWeighted(action, forward, place);
  if (action.clusterHeader !== undefined) {
    const name = action.clusterHeader.toLowerCase();
    if (name === '' || name === ':')
      throw invalidConfig(`${place.path}.route.cluster_header`, 'must not be empty');
    return (request) => forwardDecision(host, forward, request.headers.get(name) ?? '', place.level);
  }
  const cluster = action.cluster ?? '';
  if (cluster === '') throw invalidConfig(`${place.path}.route`, 'names no cluster');
  place.clusters.add(cluster);
  // Nothing depends on the request: one decision serves them all.
  const decision = forwardDecision(host, forward, cluster, place.level);
  return () => decision;
}
