import {
  type envoy_config_cluster_v3_Cluster as Cluster,
  durationMs,
  enumOf,
  type envoy_config_cluster_v3_OutlierDetection as EnvoyOutlierDetection,
  type envoy_config_route_v3_RouteAction_HashPolicy as HashPolicy,
  type istio_networking_v1alpha3_ConnectionPoolSettings as ConnectionPool,
  type istio_networking_v1alpha3_LoadBalancerSettings as LoadBalancer,
  type istio_networking_v1alpha3_OutlierDetection as OutlierDetection,
  type istio_networking_v1alpha3_TrafficPolicy as TrafficPolicy,
} from '@lateen/protos';
import type { DestinationPolicy } from '../model/destination-rules.ts';

const simple = enumOf('istio.networking.v1alpha3.LoadBalancerSettings.SimpleLB');
const policies = enumOf('envoy.config.cluster.v3.Cluster.LbPolicy');
const unlimited = { value: 4294967295 };

/** Traffic policy of one port and subset: the blocks that hold after all levels are merged. */
export type EffectivePolicy = Pick<
  TrafficPolicy,
  'connectionPool' | 'loadBalancer' | 'outlierDetection' | 'tls' | 'proxyProtocol'
>;

function portLevel(policy: TrafficPolicy | undefined, port: number): EffectivePolicy | undefined {
  const { connectionPool, loadBalancer, outlierDetection, tls } =
    policy?.portLevelSettings?.find((setting) => setting.port?.number === port) ?? {};
  const found = connectionPool ?? loadBalancer ?? outlierDetection ?? tls;
  return found ? { connectionPool, loadBalancer, outlierDetection, tls } : undefined;
}

/**
 * Policy for a port of a host or of one of its subsets. A subset's blocks replace the host's block by block; a
 * port's settings replace the whole of its level without inheriting (istio/pilot/pkg/networking/util).
 */
export function effectivePolicy(
  rule: DestinationPolicy | undefined,
  subset: string,
  port: number,
): EffectivePolicy {
  const host = rule?.trafficPolicy;
  const forHost = portLevel(host, port) ?? host ?? {};
  if (!subset) return forHost;
  const own = rule?.subsets.find(({ name }) => name === subset)?.trafficPolicy;
  if (!own) return forHost;
  const ofPort = portLevel(own, port);
  if (ofPort) return { ...forHost, ...definedBlocks(ofPort) };
  return { ...forHost, ...definedBlocks(own) };
}

function definedBlocks(policy: EffectivePolicy): EffectivePolicy {
  const { connectionPool, loadBalancer, outlierDetection, tls, proxyProtocol } = policy;
  return {
    ...(connectionPool ? { connectionPool } : {}),
    ...(loadBalancer ? { loadBalancer } : {}),
    ...(outlierDetection ? { outlierDetection } : {}),
    ...(tls ? { tls } : {}),
    ...(proxyProtocol ? { proxyProtocol } : {}),
  };
}

/** Circuit breakers, connect time-out and keep-alive of a connection pool. */
export function connectionPoolFields(pool: ConnectionPool | undefined): Partial<Cluster> {
  const { tcp, http } = pool ?? {};
  const keepalive = tcp?.tcpKeepalive;
  const seconds = (ms: number | undefined): { value: number } | undefined =>
    ms ? { value: Math.round(ms / 1000) } : undefined;
  const time = seconds(durationMs(keepalive?.time));
  const interval = seconds(durationMs(keepalive?.interval));
  return {
    circuitBreakers: {
      thresholds: [
        {
          maxConnections: tcp?.maxConnections ? { value: tcp.maxConnections } : unlimited,
          maxPendingRequests: http?.http1MaxPendingRequests
            ? { value: http.http1MaxPendingRequests }
            : unlimited,
          maxRequests: http?.http2MaxRequests ? { value: http.http2MaxRequests } : unlimited,
          maxRetries: http?.maxRetries ? { value: http.maxRetries } : unlimited,
        },
      ],
    },
    ...(tcp?.connectTimeout ? { connectTimeout: tcp.connectTimeout } : {}),
    ...(keepalive
      ? {
          upstreamConnectionOptions: {
            tcpKeepalive: {
              ...(keepalive.probes ? { keepaliveProbes: { value: keepalive.probes } } : {}),
              ...(time ? { keepaliveTime: time } : {}),
              ...(interval ? { keepaliveInterval: interval } : {}),
            },
          },
        }
      : {}),
  };
}

/** Envoy's outlier detection of a policy's; success-rate ejection is never asked for. */
export function outlierDetectionOf(outlier: OutlierDetection): EnvoyOutlierDetection {
  const count = (value: { value?: number | undefined } | undefined): { value: number } | undefined =>
    value ? { value: value.value ?? 0 } : undefined;
  const errors = count(outlier.consecutive5xxErrors);
  const gateway = count(outlier.consecutiveGatewayErrors);
  const enforcing = (given: { value: number } | undefined): { value: number } | undefined =>
    given ? { value: given.value > 0 ? 100 : 0 } : undefined;
  const local = count(outlier.consecutiveLocalOriginFailures);
  return {
    enforcingSuccessRate: { value: 0 },
    ...(errors ? { consecutive_5xx: errors, enforcingConsecutive_5xx: enforcing(errors) } : {}),
    ...(gateway
      ? { consecutiveGatewayFailure: gateway, enforcingConsecutiveGatewayFailure: enforcing(gateway) }
      : {}),
    ...(outlier.splitExternalLocalOriginErrors
      ? {
          splitExternalLocalOriginErrors: true,
          ...(local
            ? {
                consecutiveLocalOriginFailure: local,
                enforcingConsecutiveLocalOriginFailure: enforcing(local),
              }
            : {}),
          enforcingLocalOriginSuccessRate: { value: 0 },
        }
      : {}),
    ...(outlier.interval ? { interval: outlier.interval } : {}),
    ...(outlier.baseEjectionTime ? { baseEjectionTime: outlier.baseEjectionTime } : {}),
    ...(outlier.maxEjectionPercent ? { maxEjectionPercent: { value: outlier.maxEjectionPercent } } : {}),
  };
}

type SlowStart = {
  slowStartConfig: NonNullable<NonNullable<Cluster['roundRobinLbConfig']>['slowStartConfig']>;
};

function slowStart(balancer: LoadBalancer): SlowStart | undefined {
  const { warmup, warmupDurationSecs } = balancer;
  if (warmup) {
    return {
      slowStartConfig: {
        ...(warmup.duration ? { slowStartWindow: warmup.duration } : {}),
        // The runtime key is never set; Envoy wants one that is not empty (istio/pilot/pkg/networking/core/cluster_traffic_policy.go).
        ...(warmup.aggression
          ? { aggression: { defaultValue: warmup.aggression.value ?? 0, runtimeKey: '(' } }
          : {}),
        ...(warmup.minimumPercent ? { minWeightPercent: { value: warmup.minimumPercent.value ?? 0 } } : {}),
      },
    };
  }
  return warmupDurationSecs ? { slowStartConfig: { slowStartWindow: warmupDurationSecs } } : undefined;
}

/** Load balancing policy and its configuration; least request when nothing is said. */
export function loadBalancerFields(balancer: LoadBalancer | undefined): Partial<Cluster> {
  const hash = balancer?.consistentHash;
  if (hash) {
    if (hash.maglev) {
      const size = hash.maglev.tableSize || 65537;
      return { lbPolicy: policies.MAGLEV, maglevLbConfig: { tableSize: { value: size } } };
    }
    const size = hash.ringHash ? hash.ringHash.minimumRingSize || 1024 : hash.minimumRingSize || 1024;
    return { lbPolicy: policies.RING_HASH, ringHashLbConfig: { minimumRingSize: { value: size } } };
  }
  const warm = balancer ? slowStart(balancer) : undefined;
  switch (balancer?.simple ?? simple.UNSPECIFIED) {
    case simple.RANDOM:
      return { lbPolicy: policies.RANDOM };
    case simple.ROUND_ROBIN:
      return { lbPolicy: policies.ROUND_ROBIN, ...(warm ? { roundRobinLbConfig: warm } : {}) };
    case simple.PASSTHROUGH:
      return { lbPolicy: policies.CLUSTER_PROVIDED };
    default:
      return { lbPolicy: policies.LEAST_REQUEST, ...(warm ? { leastRequestLbConfig: warm } : {}) };
  }
}

/** Does the policy send connections where the caller dialled? */
export function isPassthrough(balancer: LoadBalancer | undefined): boolean {
  return balancer?.simple === simple.PASSTHROUGH && !balancer.consistentHash;
}

/** Hash policies that routes to a cluster with such a balancer carry. */
export function hashPoliciesOf(balancer: LoadBalancer | undefined): HashPolicy[] {
  const hash = balancer?.consistentHash;
  if (!hash) return [];
  if (hash.httpHeaderName) return [{ header: { headerName: hash.httpHeaderName } }];
  if (hash.httpCookie) {
    const { name, path, ttl, attributes } = hash.httpCookie;
    const listed = (attributes ?? []).map((attribute) => ({ name: attribute.name, value: attribute.value }));
    return [
      {
        cookie: {
          name,
          ...(path ? { path } : {}),
          ...(ttl ? { ttl } : {}),
          ...(listed.length > 0 ? { attributes: listed } : {}),
        },
      },
    ];
  }
  if (hash.useSourceIp) return [{ connectionProperties: { sourceIp: true } }];
  if (hash.httpQueryParameterName) return [{ queryParameter: { name: hash.httpQueryParameterName } }];
  return [];
}
