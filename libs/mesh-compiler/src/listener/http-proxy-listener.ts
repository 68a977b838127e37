import {
  type envoy_config_listener_v3_Listener as Listener,
  type envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig as DnsCache,
  durationOf,
  enumOf,
} from '@lateen/protos';
import { connectInside } from '../cluster/cluster-name.ts';
import { anyHostCache, serviceCaches } from '../cluster/dns-cache.ts';
import { httpFilters } from '../filter/http-filters.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { type Proxy, sharesLoopback } from '../model/proxy.ts';
import { httpProxyRoutes } from '../route/http-proxy-routes.ts';
import { listenerAccessLogs } from './access-log.ts';
import { connectionManagerFilter } from './http-connection-manager.ts';

const directions = enumOf('envoy.config.core.v3.TrafficDirection');

/** Port of a sidecar's HTTP proxy: the node's, else the mesh's; `undefined`: none. */
export function httpProxyPort(model: MeshModel, proxy: Proxy): number | undefined {
  return proxy.httpProxyPort ?? (model.mesh.proxyHttpPort || undefined);
}

/** Hosts that are resolved per request: those of services that say so, and on a shared loopback any other. */
function resolvedHosts(model: MeshModel, proxy: Proxy): DnsCache[] {
  const own = serviceCaches(model.scope(proxy).services.values());
  return sharesLoopback(proxy) ? [...own, anyHostCache] : own;
}

/** Listener of the HTTP proxy port. Only those that the credentials file names may use it, where there is one. */
export function httpProxyListener(model: MeshModel, proxy: Proxy, port: number): Listener {
  const shared = sharesLoopback(proxy);
  const name = `127.0.0.1_${port}`;
  return {
    name,
    address: { socketAddress: { address: '127.0.0.1', portValue: port } },
    trafficDirection: directions.OUTBOUND,
    maxConnectionsToAcceptPerSocketEvent: { value: 1 },
    listenerFiltersTimeout: durationOf(0),
    continueOnListenerFiltersTimeout: true,
    filterChains: [
      {
        filters: [
          connectionManagerFilter(model, {
            statPrefix: `outbound_${name};`,
            routes: httpProxyRoutes,
            httpFilters: httpFilters({
              model,
              proxy,
              direction: 'outbound',
              resolved: resolvedHosts(model, proxy),
              credentials: proxy.proxyCredentials,
            }),
            side: 'outbound',
            proxy: { connect: shared },
          }),
        ],
        transportSocketConnectTimeout: { seconds: 15, nanos: 0 },
      },
    ],
    ...listenerAccessLogs(model),
  };
}

/** Internal listener for what is inside a CONNECT to an HTTP service: the same routes once more. */
export function connectInsideListener(model: MeshModel, proxy: Proxy): Listener {
  return {
    name: connectInside,
    internalListener: {},
    trafficDirection: directions.OUTBOUND,
    filterChains: [
      {
        filters: [
          connectionManagerFilter(model, {
            statPrefix: `outbound_${connectInside};`,
            routes: httpProxyRoutes,
            httpFilters: httpFilters({
              model,
              proxy,
              direction: 'outbound',
              resolved: resolvedHosts(model, proxy),
            }),
            side: 'outbound',
          }),
        ],
      },
    ],
  };
}
