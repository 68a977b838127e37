import {
  type envoy_config_listener_v3_Filter as Filter,
  type envoy_config_listener_v3_FilterChain as FilterChain,
  type envoy_config_listener_v3_Listener as Listener,
  durationOf,
  enumOf,
  packAny,
  structOf,
} from '@lateen/protos';
import { blackHoleCluster, passthroughCluster } from '../cluster/cluster-name.ts';
import { anyHostCache, serviceCache, serviceCaches } from '../cluster/dns-cache.ts';
import { configPath } from '../cluster/outbound-cluster.ts';
import { httpFilters } from '../filter/http-filters.ts';
import { tcpMixerConfig, usesMixer } from '../filter/mixer.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import { allowsAny, resolvesAny } from '../route/route-configuration.ts';
import type { TcpChain } from '../route/tcp-route.ts';
import { listenerAccessLogs } from './access-log.ts';
import {
  blackHoleFilter,
  cidrRange,
  httpInspector,
  plainHttpAlpns,
  tcpProxyFilter,
  tlsInspector,
} from './filter-chain.ts';
import { connectionManagerFilter } from './http-connection-manager.ts';

const directions = enumOf('envoy.config.core.v3.TrafficDirection');
const handshake = { seconds: 15, nanos: 0 };

/** What an outbound listener takes. */
export interface OutboundListener {
  readonly address: string;
  readonly port: number;
  /** Name of the routes for HTTP; absent: no HTTP here. */
  readonly routes?: string | undefined;
  /** Service port of the routes, where it is not the listener's. */
  readonly routePort?: number;
  readonly tcp: readonly TcpChain[];
  /** HTTP is told from other bytes, which a default chain takes. */
  readonly sniffed: boolean;
  /** The port is bound, for everybody to dial; otherwise connections are handed over by their destination. */
  readonly bound: boolean;
  /** Connections that no chain takes go where they were dialled (or nowhere, under REGISTRY_ONLY). */
  readonly otherwise: 'passthrough' | 'none';
}

/** Filters that stock Envoy has for some protocols: statistics of MongoDB, names resolved by SNI. */
function protocolFilters(proxy: Proxy, chain: TcpChain): Filter[] {
  const { service, port, serverNames, statPrefix } = chain;
  if (proxy.features !== undefined || !service || !port) return [];
  if (port.protocol === 'mongo') {
    const typedConfig = packAny('envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy', { statPrefix });
    return [{ name: 'envoy.filters.network.mongo_proxy', typedConfig }];
  }
  if (service.resolution !== 'dynamic-dns' || serverNames.length === 0) return [];
  const config = { dnsCacheConfig: serviceCache(service), portValue: port.number };
  return [
    {
      name: 'envoy.extensions.filters.network.sni_dynamic_forward_proxy',
      typedConfig: packAny(
        'envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig',
        config,
      ),
    },
  ];
}

/** Filter chain of TCP or TLS connections. */
export function tcpChain(model: MeshModel, proxy: Proxy, chain: TcpChain): FilterChain {
  const { serverNames, subnets, owner } = chain;
  const match = {
    ...(serverNames.length > 0 ? { serverNames } : {}),
    ...(subnets.length > 0 ? { prefixRanges: subnets.map(cidrRange) } : {}),
  };
  // A connection carries no word of its caller, so a filter that checks nothing here is there for reports alone.
  const mixer =
    usesMixer(model, proxy) && model.mixer.any.report
      ? [{ name: 'mixer', typedConfig: tcpMixerConfig(model, proxy, 'outbound', chain.service) }]
      : [];
  return {
    ...(Object.keys(match).length > 0 ? { filterChainMatch: match } : {}),
    filters: [
      ...mixer,
      ...protocolFilters(proxy, chain),
      tcpProxyFilter(model, { statPrefix: chain.statPrefix, ...chain.target }),
    ],
    transportSocketConnectTimeout: handshake,
    ...(owner &&
    proxy.type === 'sidecar' &&
    Object.keys(match).length + (chain.target.weightedClusters ? 1 : 0) > 0
      ? {
          metadata: { filterMetadata: { istio: structOf({ config: configPath('virtual-service', owner) }) } },
        }
      : {}),
  };
}

/** Default chain: to the dialled address, or nowhere. */
function otherwiseChain(model: MeshModel, proxy: Proxy): FilterChain {
  const cluster = allowsAny(model, proxy) ? passthroughCluster : blackHoleCluster;
  return {
    name: 'PassthroughFilterChain',
    filterChainMatch: {},
    filters: [tcpProxyFilter(model, { statPrefix: cluster, cluster })],
  };
}

/** Outbound listener of a service port or of an address. */
export function outboundListener(model: MeshModel, proxy: Proxy, listener: OutboundListener): Listener {
  const { address, port, routes, tcp, sniffed, bound } = listener;
  const name = `${address}_${port}`;
  const chains: FilterChain[] = [];
  if (routes !== undefined) {
    chains.push({
      ...(sniffed
        ? { filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: plainHttpAlpns } }
        : {}),
      filters: [
        connectionManagerFilter(model, {
          statPrefix: `outbound_${name};`,
          routes,
          httpFilters: httpFilters({
            model,
            proxy,
            direction: 'outbound',
            resolved: [
              ...serviceCaches(model.scope(proxy).services.values(), listener.routePort ?? port),
              ...(resolvesAny(model, proxy) ? [anyHostCache] : []),
            ],
          }),
          side: 'outbound',
        }),
      ],
      transportSocketConnectTimeout: handshake,
    });
  }
  chains.push(...tcp.map((chain) => tcpChain(model, proxy, chain)));
  const hasNames = tcp.some(({ serverNames }) => serverNames.length > 0);
  const open = chains.findIndex(({ filterChainMatch }) => filterChainMatch === undefined);
  const onlyOpen = open >= 0 && chains.length === 1;
  const [matched, unmatched] = [
    chains.filter((_, index) => onlyOpen || index !== open),
    onlyOpen ? undefined : chains[open],
  ];
  const fallback =
    unmatched ?? (onlyOpen || listener.otherwise === 'none' ? undefined : otherwiseChain(model, proxy));
  return {
    name,
    address: { socketAddress: { address, portValue: port } },
    trafficDirection: directions.OUTBOUND,
    ...(bound ? { maxConnectionsToAcceptPerSocketEvent: { value: 1 } } : { bindToPort: { value: false } }),
    listenerFilters: [
      ...(hasNames ? [tlsInspector()] : []),
      ...(routes !== undefined && sniffed ? [httpInspector()] : []),
    ],
    listenerFiltersTimeout: model.mesh.protocolDetectionTimeout ?? durationOf(0),
    continueOnListenerFiltersTimeout: true,
    filterChains: matched,
    ...(fallback ? { defaultFilterChain: fallback } : {}),
    ...(fallback ? {} : listenerAccessLogs(model)),
  };
}

/** `virtualOutbound`: takes all of a redirected workload's connections and hands them to the listener of their address. */
export function virtualOutbound(model: MeshModel, proxy: Proxy): Listener {
  const port = model.mesh.proxyListenPort || 15001;
  const cluster = allowsAny(model, proxy) ? passthroughCluster : blackHoleCluster;
  return {
    name: 'virtualOutbound',
    address: { socketAddress: { address: '0.0.0.0', portValue: port } },
    trafficDirection: directions.OUTBOUND,
    useOriginalDst: { value: true },
    maxConnectionsToAcceptPerSocketEvent: { value: 1 },
    filterChains: [
      {
        name: 'virtualOutbound-blackhole',
        filterChainMatch: { destinationPort: { value: port } },
        filters: [blackHoleFilter()],
      },
      {
        name: 'virtualOutbound-catchall-tcp',
        filters: [tcpProxyFilter(model, { statPrefix: cluster, cluster })],
      },
    ],
    ...listenerAccessLogs(model),
  };
}
