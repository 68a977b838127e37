import {
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilter,
  packAny,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { CompileProblem } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import { objectKey } from '../model/spec.ts';
import { appliesTo, authorizationRules, customPolicies } from './authorization.ts';
import { customRules, httpAuthorizer } from './external-authorization.ts';
import { requestAuthentication } from './request-authentication.ts';

/** HTTP filters of the policies for a workload: an external authorizer, whose token it is, then audit, deny and allow. */
export function securityHttpFilters(model: MeshModel, proxy: Proxy): HttpFilter[] {
  const jwt = requestAuthentication(model, proxy);
  const rbac = authorizationRules(model, proxy, { tcp: false, problems: [] }).map(
    ({ rules, shadowRules, shadowPrefix }): HttpFilter => ({
      name: 'envoy.filters.http.rbac',
      typedConfig: packAny('envoy.extensions.filters.http.rbac.v3.RBAC', {
        ...(rules ? { rules } : {}),
        ...(shadowRules ? { shadowRules } : {}),
        shadowRulesStatPrefix: shadowPrefix,
      }),
    }),
  );
  const custom = customPolicies(model, proxy, { tcp: false, problems: [] });
  const authorizers = [...new Map(custom.map(([authorizer]) => [authorizer.name, authorizer])).values()];
  return [
    ...(custom.length > 0
      ? [
          {
            name: 'envoy.filters.http.rbac',
            typedConfig: packAny('envoy.extensions.filters.http.rbac.v3.RBAC', customRules(custom)),
          },
        ]
      : []),
    ...authorizers.map((authorizer) => ({
      name: 'envoy.filters.http.ext_authz',
      typedConfig: packAny('envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', httpAuthorizer(authorizer)),
    })),
    ...(jwt
      ? [
          {
            name: 'envoy.filters.http.jwt_authn',
            typedConfig: packAny('envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', jwt),
          },
        ]
      : []),
    ...rbac,
  ];
}

/** What of the workload's policies could not be compiled. */
export function policyProblems(model: MeshModel, proxy: Proxy): CompileProblem[] {
  const problems: CompileProblem[] = [];
  authorizationRules(model, proxy, { tcp: false, problems });
  for (const policy of model.requestAuthentications) {
    if (!appliesTo(model, proxy, policy)) continue;
    const remote = (policy.spec.jwtRules ?? []).filter(({ jwks }) => !jwks).map(({ issuer }) => issuer ?? '');
    if (remote.length > 0) {
      const object = objectKey('istio/security/v1beta1/requestauthentications', policy);
      problems.push({
        object,
        message: `keys of ${remote.join(', ')} are not inline (jwks): its tokens are refused`,
      });
    }
  }
  return problems;
}
