import { unpackAny } from '@lateen/protos';
import { createHttpConnectionManager } from '../http/index.ts';
import { createConnectionLimit } from './connection-limit.ts';
import { createDirectResponse } from './direct-response.ts';
import { createLocalRateLimit } from './local-rate-limit.ts';
import { createNetworkMixer } from './mixer.ts';
import type { NetworkFilterFactory, NetworkFilterRegistry } from './network-filter.ts';
import { createNetworkRbac } from './rbac.ts';
import { createSniCluster } from './sni-cluster.ts';
import { createTcpProxy } from './tcp-proxy.ts';

const connectionManager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** Every network filter, one line each. Others are refused by their name. */
const filters: readonly (readonly [string, NetworkFilterFactory])[] = [
  ['envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', createConnectionLimit],
  ['envoy.extensions.filters.network.direct_response.v3.Config', createDirectResponse],
  [
    connectionManager,
    (any, _path, surroundings) =>
      createHttpConnectionManager(unpackAny(connectionManager, any), surroundings),
  ],
  ['envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit', createLocalRateLimit],
  ['envoy.extensions.filters.network.rbac.v3.RBAC', createNetworkRbac],
  ['envoy.extensions.filters.network.sni_cluster.v3.SniCluster', createSniCluster],
  ['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', createTcpProxy],
  ['istio.mixer.v1.config.client.TcpClientConfig', createNetworkMixer],
];

/** The network filters that a filter chain may name. */
export const networkFilters: NetworkFilterRegistry = new Map(filters);
