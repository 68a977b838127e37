import {
  type envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig as DnsCache,
  type envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter as HttpFilter,
  packAny,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import { securityHttpFilters } from '../security/http-policies.ts';
import { basicAuthFilter } from './basic-auth.ts';
import { type Direction, httpMixerConfig, usesMixer } from './mixer.ts';

/** What decides over the HTTP filters of a connection manager. */
export interface HttpFilterScope {
  readonly model: MeshModel;
  readonly proxy: Proxy;
  readonly direction: Direction;
  /** DNS caches of hosts that are resolved per request. */
  readonly resolved?: readonly DnsCache[];
  /** htpasswd file that callers must be in. */
  readonly credentials?: string | undefined;
}

/**
 * HTTP filters in the order in which a request meets them:
 * who may use the port (proxy port), who are you and may you (policies, inbound and at gateways), gRPC statistics,
 * faults, CORS, Mixer's check and report, names to resolve, and at last the router.
 */
export function httpFilters(scope: HttpFilterScope): HttpFilter[] {
  const { model, proxy, direction } = scope;
  const guarded = direction === 'inbound' || proxy.type === 'router';
  return [
    ...(scope.credentials ? [basicAuthFilter(scope.credentials)] : []),
    ...(guarded ? securityHttpFilters(model, proxy) : []),
    // Statistics of stock Envoy that nothing of ours reads.
    ...(proxy.features === undefined ? [grpcStats()] : []),
    plain('envoy.filters.http.fault', packAny('envoy.extensions.filters.http.fault.v3.HTTPFault', {})),
    plain('envoy.filters.http.cors', packAny('envoy.extensions.filters.http.cors.v3.Cors', {})),
    ...(usesMixer(model, proxy) ? [plain('mixer', httpMixerConfig(model, proxy, direction))] : []),
    ...(scope.resolved ?? []).map(forwardProxyFilter),
    plain('envoy.filters.http.router', packAny('envoy.extensions.filters.http.router.v3.Router', {})),
  ];
}

function plain(name: string, typedConfig: ReturnType<typeof packAny>): HttpFilter {
  return { name, typedConfig };
}

function grpcStats(): HttpFilter {
  const config = { emitFilterState: true, statsForAllMethods: { value: false } };
  return plain(
    'envoy.filters.http.grpc_stats',
    packAny('envoy.extensions.filters.http.grpc_stats.v3.FilterConfig', config),
  );
}

function forwardProxyFilter(dnsCacheConfig: DnsCache): HttpFilter {
  const config = packAny('envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig', {
    dnsCacheConfig,
  });
  return plain('envoy.filters.http.dynamic_forward_proxy', config);
}
