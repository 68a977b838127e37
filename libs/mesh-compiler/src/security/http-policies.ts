import type { envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilter } from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';

/** HTTP filters of the policies for a workload. */
export function securityHttpFilters(_model: MeshModel, _proxy: Proxy): HttpFilter[] {
  return [];
}
