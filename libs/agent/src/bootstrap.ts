import { nodeId, nodeMetadata, type ProxyNode } from './node-metadata.ts';

/** What a bootstrap is made of. */
export interface BootstrapOptions {
  readonly node: ProxyNode;
  /** Unix socket of the agent's secret discovery. */
  readonly sdsSocket: string;
  /** Unix socket of the agent's relay to pilot. */
  readonly adsSocket: string;
  /** Port of the admin endpoints on 127.0.0.1. */
  readonly adminPort: number;
  /** How resources are delivered; `delta` when absent. */
  readonly delivery?: 'sotw' | 'delta';
}

/** An Envoy v3 bootstrap in proto3 JSON (`envoy.config.bootstrap.v3.Bootstrap`). */
export type BootstrapJson = Readonly<Record<string, unknown>>;

const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function pipeCluster(name: string, path: string): BootstrapJson {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: http2,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }],
    },
  };
}

function serviceCluster(node: ProxyNode): string {
  return `${node.labels.app ?? node.workloadName}.${node.namespace}`;
}

/**
 * Bootstrap for Lateen's proxy and stock Envoy alike, after Istio's: who we are, the admin address, listeners and
 * clusters by ADS over the static cluster `xds-grpc`, secrets by SDS over `sds-grpc`; both clusters are unix sockets
 * of the agent. The first fetches have no time limit: a proxy without configuration waits rather than serves nothing.
 */
export function createBootstrap(options: BootstrapOptions): BootstrapJson {
  const { node } = options;
  const overAds = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  return {
    node: { id: nodeId(node), cluster: serviceCluster(node), locality: {}, metadata: nodeMetadata(node) },
    // Stock Envoy takes internal listeners (CONNECT to HTTP services goes through one) with this extension alone.
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: options.adminPort } } },
    dynamic_resources: {
      lds_config: overAds,
      cds_config: overAds,
      ads_config: {
        api_type: options.delivery === 'sotw' ? 'GRPC' : 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
      },
    },
    static_resources: {
      clusters: [pipeCluster('sds-grpc', options.sdsSocket), pipeCluster('xds-grpc', options.adsSocket)],
    },
  };
}
