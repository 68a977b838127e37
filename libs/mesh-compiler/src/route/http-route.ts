import {
  type envoy_config_route_v3_RedirectAction as RedirectAction,
  type envoy_config_route_v3_Route as Route,
  type envoy_config_route_v3_RouteAction as RouteAction,
  type envoy_config_route_v3_WeightedCluster_ClusterWeight as ClusterWeight,
  enumOf,
  type google_protobuf_Any,
  type istio_networking_v1alpha3_CorsPolicy as CorsPolicy,
  type istio_networking_v1alpha3_Destination as Destination,
  type istio_networking_v1alpha3_HTTPFaultInjection as FaultInjection,
  type istio_networking_v1alpha3_HTTPMatchRequest as HttpMatch,
  type istio_networking_v1alpha3_HTTPRedirect as HttpRedirect,
  type istio_networking_v1alpha3_HTTPRoute as HttpRoute,
  type istio_networking_v1alpha3_HTTPRouteDestination as HttpRouteDestination,
  packAny,
  structOf,
} from '@lateen/protos';
import { configPath } from '../cluster/outbound-cluster.ts';
import { effectivePolicy, hashPoliciesOf } from '../cluster/traffic-policy.ts';
import { serviceFilterConfig } from '../filter/mixer.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Service } from '../model/service.ts';
import type { VirtualService } from '../model/virtual-services.ts';
import { resolveDestination, type ResolvedDestination } from './destination.ts';
import { fractionalPercent, wholePercent } from './fraction.ts';
import { headerEdits } from './header-operations.ts';
import { isCatchAll, routeMatch, sourceMatches } from './http-match.ts';
import { retryPolicy } from './retry-policy.ts';
import { stringMatcher } from './string-match.ts';

/** Where the routes of a VirtualService are built. */
export interface RouteScope {
  readonly model: MeshModel;
  readonly proxy: Proxy;
  readonly services: ReadonlyMap<string, Service>;
  /** `mesh`, or the `namespace/name` of the gateways behind the listener. */
  readonly gateways: ReadonlySet<string>;
  /** Port of the listener, or of the service in the HTTP proxy's routes. */
  readonly port: number;
  /** The listener terminates TLS. */
  readonly secure?: boolean;
}

const redirectCodes = enumOf('envoy.config.route.v3.RedirectAction.RedirectResponseCode');
const portSelection = enumOf('istio.networking.v1alpha3.HTTPRedirect.RedirectPortSelection');
const unmatched = enumOf('istio.networking.v1alpha3.CorsPolicy.UnmatchedPreflights');
const codeByStatus: ReadonlyMap<number, number> = new Map<number, number>([
  [301, redirectCodes.MOVED_PERMANENTLY],
  [302, redirectCodes.FOUND],
  [303, redirectCodes.SEE_OTHER],
  [307, redirectCodes.TEMPORARY_REDIRECT],
  [308, redirectCodes.PERMANENT_REDIRECT],
]);

/** What a route does, for tracing: the destination when there is one, else the VirtualService, with port and path. */
function operationOf(route: Route, owner: string, port: number): string {
  const { match } = route;
  const path =
    match?.prefix !== undefined ? `${match.prefix}*` : (match?.path ?? match?.safeRegex?.regex ?? '/*');
  const [direction, clusterPort, , host] = (route.route?.cluster ?? '').split('|');
  return direction === 'outbound' && host ? `${host}:${clusterPort}${path}` : `${owner}:${port}${path}`;
}

function redirectAction(redirect: HttpRedirect, scope: RouteScope): RedirectAction {
  const status = redirect.redirectCode || 301;
  const responseCode = codeByStatus.get(status);
  if (responseCode === undefined)
    throw new RangeError(`redirect code ${status} is none of 301, 302, 303, 307 and 308`);
  const fromRequest = redirect.derivePort === portSelection.FROM_REQUEST_PORT;
  const port = redirect.port || (fromRequest ? scope.port : undefined);
  return {
    responseCode,
    ...(redirect.prefixRewrite
      ? { prefixRewrite: redirect.prefixRewrite }
      : { pathRedirect: redirect.uri ?? '' }),
    ...(redirect.authority ? { hostRedirect: redirect.authority } : {}),
    ...(redirect.scheme ? { schemeRedirect: redirect.scheme } : {}),
    ...(port ? { portRedirect: port } : {}),
  };
}

function faultConfig(fault: FaultInjection): google_protobuf_Any {
  const { delay, abort } = fault;
  const share = (
    percentage: { value?: number | undefined } | undefined,
  ): { percentage: ReturnType<typeof fractionalPercent> } | object =>
    percentage ? { percentage: fractionalPercent(percentage.value ?? 0) } : {};
  const delayShare = delay?.percentage
    ? share(delay.percentage)
    : delay?.percent
      ? { percentage: wholePercent(delay.percent) }
      : {};
  const grpcStatus = abort?.grpcStatus === undefined ? undefined : grpcStatusNumber(abort.grpcStatus);
  return packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {
    ...(delay?.fixedDelay ? { delay: { fixedDelay: delay.fixedDelay, ...delayShare } } : {}),
    ...(abort
      ? {
          abort: {
            ...(grpcStatus === undefined ? { httpStatus: abort.httpStatus ?? 503 } : { grpcStatus }),
            ...share(abort.percentage),
          },
        }
      : {}),
  });
}

/** gRPC status names in the order of their numbers. */
const grpcStatuses = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED ' +
  'RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS ' +
  'UNAUTHENTICATED'
).split(' ');

function grpcStatusNumber(name: string): number {
  const number = grpcStatuses.indexOf(name.toUpperCase());
  if (number < 0) throw new RangeError(`gRPC status ${name} is unknown`);
  return number;
}

function corsConfig(cors: CorsPolicy): google_protobuf_Any {
  const listed = (cors.allowOrigins ?? []).map((origin) => stringMatcher(origin) ?? { exact: '' });
  const plain = (cors.allowOrigin ?? []).map((origin) =>
    origin === '*' ? { safeRegex: { regex: '.*' } } : { exact: origin },
  );
  const methods = (cors.allowMethods ?? []).join(',');
  const headers = (cors.allowHeaders ?? []).join(',');
  const exposed = (cors.exposeHeaders ?? []).join(',');
  const forward =
    cors.unmatchedPreflights === unmatched.IGNORE ? { forwardNotMatchingPreflights: { value: false } } : {};
  return packAny('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
    allowOriginStringMatch: listed.length > 0 ? listed : plain,
    ...(methods ? { allowMethods: methods } : {}),
    ...(headers ? { allowHeaders: headers } : {}),
    ...(exposed ? { exposeHeaders: exposed } : {}),
    ...(cors.maxAge ? { maxAge: String(cors.maxAge.seconds ?? 0) } : {}),
    ...(cors.allowCredentials ? { allowCredentials: cors.allowCredentials } : {}),
    filterEnabled: { defaultValue: wholePercent(100) },
    ...forward,
  });
}

function rewriteFields(route: HttpRoute, match: HttpMatch | undefined): Partial<RouteAction> {
  const { rewrite } = route;
  const regex = rewrite?.uriRegexRewrite;
  const host = rewrite?.authority ? { hostRewriteLiteral: rewrite.authority } : {};
  if (regex) {
    return { regexRewrite: { pattern: { regex: regex.match }, substitution: regex.rewrite }, ...host };
  }
  if (!rewrite?.uri) return host;
  // A whole path stands where a regular expression matched; elsewhere the matched part is replaced.
  if (match?.uri?.regex !== undefined) {
    return { regexRewrite: { pattern: { regex: match.uri.regex }, substitution: rewrite.uri }, ...host };
  }
  return { prefixRewrite: rewrite.uri, ...host };
}

type MirrorPolicy = NonNullable<RouteAction['requestMirrorPolicies']>[number];

function mirrorsOf(
  route: HttpRoute,
  resolve: (destination: Destination | undefined) => ResolvedDestination,
  proxy: Proxy,
): MirrorPolicy[] {
  const policy = (destination: Destination | undefined, percent: number | undefined): MirrorPolicy => ({
    cluster: resolve(destination).cluster,
    runtimeFraction: { defaultValue: percent === undefined ? wholePercent(100) : fractionalPercent(percent) },
    traceSampled: { value: false },
    // Istio leaves the copy's host as it is; to our own data plane the `-shadow` mark is worth keeping.
    ...(proxy.features === undefined ? { disableShadowHostSuffixAppend: true } : {}),
  });
  const mirrors: MirrorPolicy[] = [];
  const older = route.mirrorPercent?.value;
  const percent = route.mirrorPercentage ? (route.mirrorPercentage.value ?? 0) : undefined;
  if (route.mirror && percent !== 0 && !(percent === undefined && older === 0)) {
    const mirror = policy(route.mirror, percent);
    mirrors.push(
      percent === undefined && older !== undefined
        ? { ...mirror, runtimeFraction: { defaultValue: wholePercent(older) } }
        : mirror,
    );
  }
  for (const { destination, percentage } of route.mirrors ?? []) {
    if (!percentage || (percentage.value ?? 0) > 0) mirrors.push(policy(destination, percentage?.value));
  }
  return mirrors;
}

function forwardAction(
  route: HttpRoute,
  match: HttpMatch | undefined,
  owner: VirtualService,
  scope: RouteScope,
): RouteAction {
  const { model, proxy, services, port } = scope;
  const resolve = (destination: Destination | undefined): ResolvedDestination =>
    resolveDestination(destination, {
      services,
      domainSuffix: model.domainSuffix,
      namespace: owner.namespace,
      port,
    });
  const retry = retryPolicy(route.retries, model.mesh.defaultHttpRetryPolicy);
  const timeout = route.timeout ?? { seconds: 0, nanos: 0 };
  const edits = headerEdits(route.headers);
  const destinations = route.route ?? [];
  const mirrors = mirrorsOf(route, resolve, proxy);
  const hashes = destinations.flatMap(({ destination }) => {
    const { service, port: destinationPort, subset } = resolve(destination);
    if (!service) return [];
    const rule = model.destinationRules.find(proxy, service);
    return hashPoliciesOf(effectivePolicy(rule, subset, destinationPort).loadBalancer);
  });
  const base: RouteAction = {
    timeout,
    maxGrpcTimeout: timeout,
    ...(retry ? { retryPolicy: retry } : {}),
    ...rewriteFields(route, match),
    ...(edits.host ? { hostRewriteLiteral: edits.host } : {}),
    ...(mirrors.length > 0 ? { requestMirrorPolicies: mirrors } : {}),
    ...(hashes.length > 0 ? { hashPolicy: hashes } : {}),
  };
  const [only] = destinations;
  if (only && destinations.length === 1) {
    const host = headerEdits(only.headers).host;
    return {
      ...base,
      cluster: resolve(only.destination).cluster,
      ...(host ? { hostRewriteLiteral: host } : {}),
    };
  }
  const weighted = destinations.filter(({ weight }) => (weight ?? 0) > 0);
  return {
    ...base,
    weightedClusters: {
      clusters: weighted.map((leg) => clusterWeight(leg, resolve(leg.destination), scope)),
    },
  };
}

function clusterWeight(
  leg: HttpRouteDestination,
  destination: ResolvedDestination,
  scope: RouteScope,
): ClusterWeight {
  const edits = headerEdits(leg.headers);
  const mixer =
    destination.service && serviceFilterConfig(scope.model, scope.proxy, destination.service, 'outbound');
  return {
    name: destination.cluster,
    weight: { value: leg.weight ?? 0 },
    ...edits.fields,
    ...(edits.host ? { hostRewriteLiteral: edits.host } : {}),
    ...(mixer ? { typedPerFilterConfig: { mixer } } : {}),
  };
}

function actionFields(
  route: HttpRoute,
  match: HttpMatch | undefined,
  owner: VirtualService,
  scope: RouteScope,
): Partial<Route> {
  if (route.redirect) return { redirect: redirectAction(route.redirect, scope) };
  if (route.directResponse) {
    const { status, body } = route.directResponse;
    const content =
      body?.string !== undefined
        ? { inlineString: body.string }
        : body?.bytes
          ? { inlineBytes: body.bytes }
          : undefined;
    return { directResponse: { status: status ?? 200, ...(content ? { body: content } : {}) } };
  }
  return { route: forwardAction(route, match, owner, scope) };
}

function filterConfigs(
  route: HttpRoute,
  owner: VirtualService,
  scope: RouteScope,
): { [filter: string]: google_protobuf_Any } | undefined {
  const configs: { [filter: string]: google_protobuf_Any } = {};
  if (route.corsPolicy) configs['envoy.filters.http.cors'] = corsConfig(route.corsPolicy);
  if (route.fault && (route.fault.delay || route.fault.abort))
    configs['envoy.filters.http.fault'] = faultConfig(route.fault);
  const { model, services, port, proxy } = scope;
  const destinationScope = { services, domainSuffix: model.domainSuffix, namespace: owner.namespace, port };
  const [first] = route.route ?? [];
  const service = first && resolveDestination(first.destination, destinationScope).service;
  const mixer = service && serviceFilterConfig(model, proxy, service, 'outbound');
  if (mixer) configs.mixer = mixer;
  return Object.keys(configs).length > 0 ? configs : undefined;
}

function oneRoute(
  route: HttpRoute,
  match: HttpMatch | undefined,
  owner: VirtualService,
  scope: RouteScope,
): Route {
  const own = headerEdits(route.headers).fields;
  // A single destination's edits join the route's: there is no leg to carry them.
  const [only] = route.route ?? [];
  const leg = route.route?.length === 1 ? headerEdits(only?.headers).fields : {};
  const name = match?.name ? (route.name ? `${route.name}.${match.name}` : match.name) : (route.name ?? '');
  const configs = filterConfigs(route, owner, scope);
  const requestAdd = [...(own.requestHeadersToAdd ?? []), ...(leg.requestHeadersToAdd ?? [])];
  const requestRemove = [...(own.requestHeadersToRemove ?? []), ...(leg.requestHeadersToRemove ?? [])];
  const responseAdd = [...(own.responseHeadersToAdd ?? []), ...(leg.responseHeadersToAdd ?? [])];
  const responseRemove = [...(own.responseHeadersToRemove ?? []), ...(leg.responseHeadersToRemove ?? [])];
  const built: Route = {
    ...(name ? { name } : {}),
    match: routeMatch(match),
    ...actionFields(route, match, owner, scope),
    metadata: { filterMetadata: { istio: structOf({ config: configPath('virtual-service', owner) }) } },
    ...(requestAdd.length > 0 ? { requestHeadersToAdd: requestAdd } : {}),
    ...(requestRemove.length > 0 ? { requestHeadersToRemove: requestRemove } : {}),
    ...(responseAdd.length > 0 ? { responseHeadersToAdd: responseAdd } : {}),
    ...(responseRemove.length > 0 ? { responseHeadersToRemove: responseRemove } : {}),
    ...(configs ? { typedPerFilterConfig: configs } : {}),
    ...(match?.statPrefix ? { statPrefix: match.statPrefix } : {}),
  };
  return { ...built, decorator: { operation: operationOf(built, owner.name, scope.port) } };
}

/**
 * Envoy routes of a VirtualService in its order, one per match. Matches that can't hold for this source, port or
 * gateway give no route; after one that takes everything nothing follows.
 */
export function routesOf(owner: VirtualService, scope: RouteScope): Route[] {
  const place = {
    labels: scope.proxy.labels,
    namespace: scope.proxy.namespace,
    gateways: scope.gateways,
    port: scope.port,
  };
  const routes: Route[] = [];
  for (const route of owner.spec.http ?? []) {
    const matches = route.match && route.match.length > 0 ? route.match : [undefined];
    for (const match of matches) {
      if (match && !sourceMatches(match, owner.namespace, place)) continue;
      const built = oneRoute(route, match, owner, scope);
      routes.push(built);
      if (isCatchAll(built.match ?? {})) return routes;
    }
  }
  return routes;
}

/** Route of a service port that no VirtualService shapes. */
export function defaultRoute(service: Service, cluster: string, scope: RouteScope): Route {
  const { model, proxy, port } = scope;
  const retry = retryPolicy(undefined, model.mesh.defaultHttpRetryPolicy);
  const rule = model.destinationRules.find(proxy, service);
  const hashes = hashPoliciesOf(effectivePolicy(rule, '', port).loadBalancer);
  const mixer = serviceFilterConfig(model, proxy, service, 'outbound');
  const route: Route = {
    name: 'default',
    match: { prefix: '/' },
    route: {
      cluster,
      timeout: { seconds: 0, nanos: 0 },
      maxGrpcTimeout: { seconds: 0, nanos: 0 },
      ...(retry ? { retryPolicy: retry } : {}),
      ...(hashes.length > 0 ? { hashPolicy: hashes } : {}),
    },
    ...(mixer ? { typedPerFilterConfig: { mixer } } : {}),
  };
  return { ...route, decorator: { operation: operationOf(route, service.host, port) } };
}
