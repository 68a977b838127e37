import { invalidConfig, numberOr, refuseFields } from '@lateen/matching';
import {
  type envoy_config_core_v3_Metadata,
  type envoy_config_endpoint_v3_ClusterLoadAssignment,
  enumOf,
} from '@lateen/protos';
import { type NetworkAddress, readAddress } from '../bootstrap/address.ts';

/** An endpoint as the configuration states it. */
export interface EndpointSpec {
  readonly address: NetworkAddress;
  readonly hostname: string;
  readonly metadata: envoy_config_core_v3_Metadata | undefined;
  readonly weight: number;
  readonly priority: number;
  /** May it be chosen, by its `health_status`? */
  readonly healthy: boolean;
}

/** Most endpoints that a cluster may have. */
const maxEndpoints = 50_000;

/**
 * Reads a load assignment. Weights of localities multiply those of their endpoints when the cluster balances by them.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function readEndpoints(
  assignment: envoy_config_endpoint_v3_ClusterLoadAssignment,
  path: string,
  options: { readonly localityWeighted: boolean },
): readonly EndpointSpec[] {
  const statuses = enumOf('envoy.config.core.v3.HealthStatus');
  const out: readonly number[] = [statuses.UNHEALTHY, statuses.DRAINING, statuses.TIMEOUT];
  if (assignment.policy?.dropOverloads?.length)
    throw invalidConfig(`${path}.policy.drop_overloads`, 'is not supported');
  const specs: EndpointSpec[] = [];
  for (const [group, locality] of (assignment.endpoints ?? []).entries()) {
    const at = `${path}.endpoints[${group}]`;
    refuseFields(locality, at, ['loadBalancerEndpoints', 'ledsClusterLocalityConfig']);
    const members = locality.lbEndpoints ?? [];
    const total = members.reduce((sum, member) => sum + (numberOr(member.loadBalancingWeight, 1) || 1), 0);
    const share = numberOr(locality.loadBalancingWeight, 0);
    // Envoy leaves localities without a weight out when it balances by locality.
    if (options.localityWeighted && share === 0) continue;
    for (const [index, member] of members.entries()) {
      const here = `${at}.lb_endpoints[${index}]`;
      if (!member.endpoint) throw invalidConfig(`${here}.endpoint`, 'is required');
      const own = numberOr(member.loadBalancingWeight, 1) || 1;
      specs.push({
        address: readAddress(member.endpoint.address, `${here}.endpoint.address`),
        hostname: member.endpoint.hostname ?? '',
        metadata: member.metadata,
        weight: options.localityWeighted ? (share * own) / total : own,
        priority: locality.priority ?? 0,
        healthy: !out.includes(member.healthStatus ?? 0),
      });
    }
  }
  if (specs.length > maxEndpoints)
    throw invalidConfig(path, `has ${specs.length} endpoints, at most ${maxEndpoints} are allowed`);
  return specs;
}
