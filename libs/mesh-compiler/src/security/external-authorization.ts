import {
  type envoy_config_core_v3_GrpcService as GrpcService,
  type envoy_config_rbac_v3_Policy as Policy,
  type envoy_extensions_filters_http_ext_authz_v3_ExtAuthz as HttpAuthorizer,
  type envoy_extensions_filters_http_ext_authz_v3_HttpService as HttpService,
  type envoy_extensions_filters_network_ext_authz_v3_ExtAuthz as NetworkAuthorizer,
  type envoy_type_matcher_v3_ListStringMatcher as Names,
  type envoy_type_matcher_v3_MetadataMatcher as MetadataMatcher,
  enumOf,
  type istio_mesh_v1alpha1_MeshConfig_ExtensionProvider as Provider,
  type istio_mesh_v1alpha1_MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider as HttpProvider,
} from '@lateen/protos';
import { outboundClusterName } from '../cluster/cluster-name.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';

const versions = enumOf('envoy.config.core.v3.ApiVersion');
const rbacActions = enumOf('envoy.config.rbac.v3.RBAC.Action');
/** As good as none: what is slow is the authorizer's business. */
const noTimeout = { seconds: 600, nanos: 0 };
const policyPrefix = 'istio-ext-authz';
const shadowPrefix = 'istio_ext_authz_';

/** A provider of the mesh config that may be asked. */
export interface Authorizer {
  readonly name: string;
  readonly provider: Provider;
}

/** The provider that a CUSTOM policy names; `undefined`: none is known, or the proxy can't ask (only stock Envoy can). */
export function authorizerOf(model: MeshModel, proxy: Proxy, name: string): Authorizer | undefined {
  if (proxy.features !== undefined) return undefined;
  const provider = (model.mesh.extensionProviders ?? []).find((one) => one.name === name);
  return provider?.envoyExtAuthzHttp || provider?.envoyExtAuthzGrpc ? { name, provider } : undefined;
}

/** RBAC that only notes which policies take a request; the authorizer is asked about those. */
export function customRules(policies: readonly (readonly [Authorizer, string, Policy])[]): {
  shadowRules: { action: number; policies: { [key: string]: Policy } };
  shadowRulesStatPrefix: string;
} {
  const named = policies.map(
    ([{ name }, key, policy]) => [`${policyPrefix}-${name}-${key}`, policy] as const,
  );
  return {
    shadowRules: { action: rbacActions.DENY, policies: Object.fromEntries(named) },
    shadowRulesStatPrefix: shadowPrefix,
  };
}

function onlyFor(filter: string, authorizer: Authorizer): MetadataMatcher {
  return {
    filter,
    path: [{ key: `${shadowPrefix}shadow_effective_policy_id` }],
    value: { stringMatch: { prefix: `${policyPrefix}-${authorizer.name}` } },
  };
}

/** Service host of `namespace/host` or `host`. */
function hostOf(service: string): string {
  return service.slice(service.indexOf('/') + 1);
}

function grpcService(provider: {
  service?: string | undefined;
  port?: number | undefined;
  timeout?: GrpcService['timeout'];
}): GrpcService {
  const host = hostOf(provider.service ?? '');
  return {
    envoyGrpc: { clusterName: outboundClusterName(provider.port ?? 0, '', host), authority: host },
    timeout: provider.timeout ?? noTimeout,
  };
}

function names(list: readonly string[] | undefined): Names | undefined {
  if (!list || list.length === 0) return undefined;
  const matcher = (name: string): object =>
    name.endsWith('*')
      ? { prefix: name.slice(0, -1), ignoreCase: true }
      : name.startsWith('*')
        ? { suffix: name.slice(1), ignoreCase: true }
        : { exact: name, ignoreCase: true };
  return { patterns: list.map(matcher) };
}

function httpService(provider: HttpProvider): HttpService {
  const host = hostOf(provider.service ?? '');
  const added = Object.entries(provider.includeAdditionalHeadersInCheck ?? {}).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const upstream = names(provider.headersToUpstreamOnAllow);
  const denied = names(provider.headersToDownstreamOnDeny);
  const allowed = names(provider.headersToDownstreamOnAllow);
  return {
    serverUri: {
      uri: `http://${host}`,
      cluster: outboundClusterName(provider.port ?? 0, '', host),
      timeout: provider.timeout ?? noTimeout,
    },
    ...(provider.pathPrefix ? { pathPrefix: provider.pathPrefix } : {}),
    ...(added.length > 0
      ? { authorizationRequest: { headersToAdd: added.map(([key, value]) => ({ key, value })) } }
      : {}),
    ...(upstream || denied || allowed
      ? {
          authorizationResponse: {
            ...(upstream ? { allowedUpstreamHeaders: upstream } : {}),
            ...(denied ? { allowedClientHeaders: denied } : {}),
            ...(allowed ? { allowedClientHeadersOnSuccess: allowed } : {}),
          },
        }
      : {}),
  };
}

/** Config of the HTTP filter that asks. */
export function httpAuthorizer(authorizer: Authorizer): HttpAuthorizer {
  const { envoyExtAuthzHttp: http, envoyExtAuthzGrpc: grpc } = authorizer.provider;
  const common = http ?? grpc ?? {};
  const body = common.includeRequestBodyInCheck;
  const headers = names(http?.includeRequestHeadersInCheck);
  return {
    ...(http ? { httpService: httpService(http) } : { grpcService: grpcService(grpc ?? {}) }),
    transportApiVersion: versions.V3,
    filterEnabledMetadata: onlyFor('envoy.filters.http.rbac', authorizer),
    ...(common.failOpen ? { failureModeAllow: true } : {}),
    ...(common.clearRouteCache ? { clearRouteCache: true } : {}),
    ...(common.statusOnError ? { statusOnError: { code: Number(common.statusOnError) } } : {}),
    ...(headers ? { allowedHeaders: headers } : {}),
    ...(body
      ? {
          withRequestBody: {
            maxRequestBytes: body.maxRequestBytes ?? 0,
            ...(body.allowPartialMessage ? { allowPartialMessage: true } : {}),
            ...(body.packAsBytes ? { packAsBytes: true } : {}),
          },
        }
      : {}),
  };
}

/** Config of the network filter that asks; `undefined`: an HTTP authorizer knows nothing of connections. */
export function networkAuthorizer(authorizer: Authorizer): NetworkAuthorizer | undefined {
  const grpc = authorizer.provider.envoyExtAuthzGrpc;
  if (!grpc) return undefined;
  return {
    statPrefix: 'tcp.',
    grpcService: grpcService(grpc),
    transportApiVersion: versions.V3,
    filterEnabledMetadata: onlyFor('envoy.filters.network.rbac', authorizer),
    ...(grpc.failOpen ? { failureModeAllow: true } : {}),
  };
}
