import { type envoy_config_listener_v3_Filter as Filter, packAny } from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import { authorizationRules } from './authorization.ts';

/** Network filters of the policies for a workload's TCP ports. */
export function securityNetworkFilters(model: MeshModel, proxy: Proxy): Filter[] {
  // Problems are collected where the same policies become HTTP filters.
  return authorizationRules(model, proxy, { tcp: true, problems: [] }).map(
    ({ rules, shadowRules, shadowPrefix }) => ({
      name: 'envoy.filters.network.rbac',
      typedConfig: packAny('envoy.extensions.filters.network.rbac.v3.RBAC', {
        ...(rules ? { rules } : {}),
        ...(shadowRules ? { shadowRules } : {}),
        shadowRulesStatPrefix: shadowPrefix,
        statPrefix: 'tcp.',
      }),
    }),
  );
}
