import {
  type envoy_config_core_v3_CidrRange as CidrRange,
  type envoy_config_listener_v3_Filter as Filter,
  type envoy_config_listener_v3_ListenerFilter as ListenerFilter,
  type envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy as TcpProxy,
  packAny,
} from '@lateen/protos';
import { blackHoleCluster } from '../cluster/cluster-name.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { accessLogs } from './access-log.ts';

/** ALPNs by which mesh clients mark that they come with a mesh identity and speak HTTP. */
export const istioHttpAlpns = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'] as const;
/** ALPNs of HTTP without TLS that the HTTP inspector finds. */
export const plainHttpAlpns = ['http/1.1', 'h2c'] as const;

/** TCP proxy filter to the cluster that refuses; what never was a connection of anyone's is not logged. */
export function blackHoleFilter(): Filter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typedConfig: packAny('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      statPrefix: blackHoleCluster,
      cluster: blackHoleCluster,
    }),
  };
}

/** TCP proxy filter. */
export function tcpProxyFilter(model: MeshModel, config: TcpProxy): Filter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typedConfig: packAny('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      ...config,
      ...accessLogs(model),
    }),
  };
}

/** Listener filter that reads SNI and ALPN. */
export function tlsInspector(): ListenerFilter {
  return {
    name: 'envoy.filters.listener.tls_inspector',
    typedConfig: packAny('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {
      initialReadBufferSize: { value: 512 },
    }),
  };
}

/** Listener filter that tells HTTP from other bytes. */
export function httpInspector(): ListenerFilter {
  return {
    name: 'envoy.filters.listener.http_inspector',
    typedConfig: packAny('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', {}),
  };
}

/** Range of an address in CIDR form; a single address is a range of one. */
export function cidrRange(text: string): CidrRange {
  const [address = '', length] = text.split('/');
  const whole = address.includes(':') ? 128 : 32;
  return { addressPrefix: address, prefixLen: { value: length === undefined ? whole : Number(length) } };
}
