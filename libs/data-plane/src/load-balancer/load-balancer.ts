import { enumName, type envoy_config_cluster_v3_Cluster } from '@lateen/protos';
import { invalidConfig } from '@lateen/matching';
import type { Random } from '@lateen/runtime';
import type { BalancingContext, UpstreamHost } from '../cluster/cluster.ts';
import { createHashRing } from './hash-ring.ts';
import { createLeastRequest } from './least-request.ts';
import { createRandom } from './random.ts';
import { createRoundRobin } from './round-robin.ts';

/** Chooses among hosts. One contract test runs over all policies. */
export interface LoadBalancer {
  /** One of `hosts`, which is never empty and keeps its identity until hosts or weights change. */
  pick(hosts: readonly UpstreamHost[], context: BalancingContext): UpstreamHost;
}

/** Balancer of `Cluster.lb_policy`. @throws LateenError LTN_CONFIG_INVALID for a policy that is not supported */
export function createLoadBalancer(config: envoy_config_cluster_v3_Cluster, random: Random): LoadBalancer {
  const policy = enumName('envoy.config.cluster.v3.Cluster.LbPolicy', config.lbPolicy ?? 0);
  switch (policy) {
    case 'ROUND_ROBIN':
      return createRoundRobin(random);
    case 'LEAST_REQUEST':
      return createLeastRequest(random, config.leastRequestLbConfig?.choiceCount?.value ?? 2);
    case 'RANDOM':
    // Clusters that find their hosts themselves never ask a balancer.
    case 'CLUSTER_PROVIDED':
      return createRandom(random);
    // Maglev differs from a ring in memory and speed, not in what it promises: one hash, one host, few moves.
    case 'RING_HASH':
    case 'MAGLEV':
      return createHashRing(random);
    default:
      throw invalidConfig('lb_policy', `${policy} is not supported`);
  }
}
