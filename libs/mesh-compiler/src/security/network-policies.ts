import type { envoy_config_listener_v3_Filter as Filter } from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';

/** Network filters of the policies for a workload's TCP ports. */
export function securityNetworkFilters(_model: MeshModel, _proxy: Proxy): Filter[] {
  return [];
}
