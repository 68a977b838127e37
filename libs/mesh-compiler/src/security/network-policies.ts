import {
  type envoy_config_listener_v3_Filter as Filter,
  type envoy_extensions_filters_network_rbac_v3_RBAC as RbacFilter,
  packAny,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import { authorizationRules, customPolicies } from './authorization.ts';
import { customRules, networkAuthorizer } from './external-authorization.ts';

/** Network filters of the policies for a workload's TCP ports. */
export function securityNetworkFilters(model: MeshModel, proxy: Proxy): Filter[] {
  // Problems are collected where the same policies become HTTP filters.
  const query = { tcp: true, problems: [] };
  const custom = customPolicies(model, proxy, query).filter(([authorizer]) => networkAuthorizer(authorizer));
  const authorizers = [...new Map(custom.map(([authorizer]) => [authorizer.name, authorizer])).values()];
  const rbac = authorizationRules(model, proxy, query).map(({ rules, shadowRules, shadowPrefix }) => ({
    ...(rules ? { rules } : {}),
    ...(shadowRules ? { shadowRules } : {}),
    shadowRulesStatPrefix: shadowPrefix,
  }));
  const filter = (config: RbacFilter): Filter => ({
    name: 'envoy.filters.network.rbac',
    typedConfig: packAny('envoy.extensions.filters.network.rbac.v3.RBAC', { ...config, statPrefix: 'tcp.' }),
  });
  return [
    ...(custom.length > 0 ? [filter(customRules(custom))] : []),
    ...authorizers.flatMap((authorizer): Filter[] => {
      const config = networkAuthorizer(authorizer);
      if (!config) return [];
      const typedConfig = packAny('envoy.extensions.filters.network.ext_authz.v3.ExtAuthz', config);
      return [{ name: 'envoy.filters.network.ext_authz', typedConfig }];
    }),
    ...rbac.map(filter),
  ];
}
