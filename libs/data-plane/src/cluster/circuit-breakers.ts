import { numberOr, refuseFields } from '@lateen/matching';
import { type envoy_config_cluster_v3_Cluster, enumOf } from '@lateen/protos';
import type { CircuitBreakers } from './cluster.ts';

/** Limits of the DEFAULT priority; Envoy's defaults where nothing is said. @throws LateenError LTN_CONFIG_INVALID */
export function createCircuitBreakers(config: envoy_config_cluster_v3_Cluster): CircuitBreakers {
  const priorities = enumOf('envoy.config.core.v3.RoutingPriority');
  const thresholds = config.circuitBreakers?.thresholds ?? [];
  for (const [index, threshold] of thresholds.entries()) {
    refuseFields(threshold, `circuit_breakers.thresholds[${index}]`, ['retryBudget']);
  }
  const limits = thresholds.find(({ priority }) => (priority ?? 0) === priorities.DEFAULT);
  return {
    maxConnections: numberOr(limits?.maxConnections, 1024),
    maxPendingRequests: numberOr(limits?.maxPendingRequests, 1024),
    maxRequests: numberOr(limits?.maxRequests, 1024),
    maxRetries: numberOr(limits?.maxRetries, 3),
    connections: 0,
    pendingRequests: 0,
    requests: 0,
    retries: 0,
  };
}
