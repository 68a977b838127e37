import {
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilter,
  packAny,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { CompileProblem } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import { objectKey } from '../model/spec.ts';
import { appliesTo, authorizationRules } from './authorization.ts';
import { requestAuthentication } from './request-authentication.ts';

/** HTTP filters of the policies for a workload: whose token is it, then audit, deny and allow. */
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
  return [
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
