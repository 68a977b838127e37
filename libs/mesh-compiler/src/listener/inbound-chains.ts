import {
  type envoy_config_core_v3_TransportSocket as TransportSocket,
  type envoy_config_listener_v3_Filter as Filter,
  type envoy_config_listener_v3_FilterChain as FilterChain,
  type envoy_config_listener_v3_FilterChainMatch as FilterChainMatch,
  structOf,
} from '@lateen/protos';
import { httpFilters } from '../filter/http-filters.ts';
import { tcpMixerConfig, usesMixer } from '../filter/mixer.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { MtlsMode } from '../model/peer-authentication.ts';
import { type Proxy, speaksHttp2 } from '../model/proxy.ts';
import type { Service } from '../model/service.ts';
import { inboundConfiguration } from '../route/inbound-routes.ts';
import { meshServerTls } from '../secret/tls-context.ts';
import { securityNetworkFilters } from '../security/network-policies.ts';
import { istioHttpAlpns, plainHttpAlpns, tcpProxyFilter } from './filter-chain.ts';
import { connectionManagerFilter } from './http-connection-manager.ts';

/** One port of a workload as its sidecar serves it. */
export interface InboundPortChains {
  readonly name: string;
  readonly statPrefix: string;
  readonly cluster: string;
  readonly servicePort: number;
  readonly service: Service | undefined;
  readonly mode: MtlsMode;
  readonly kind: 'http' | 'tcp' | 'sniffed';
  /** The port declares HTTP/2. */
  readonly http2?: boolean;
  /** Part that every chain's match has; a redirected sidecar tells ports apart by it. */
  readonly match: FilterChainMatch;
  /** Chains for any port: names of their own, and HTTP only where the client announces it. */
  readonly catchAll?: boolean;
  /** TLS of the port's own that every connection must come with, in place of the mesh's. */
  readonly terminates?: TransportSocket;
  /** What the port is called in traces, where no service of that name serves it. */
  readonly operation?: string;
  /** Path of the object that asks for the port. */
  readonly config?: string;
}

/** ALPNs that only a client with a mesh identity offers; `istio-peer-exchange` is for Istio's own Envoy alone. */
const meshAlpns = ['istio', ...istioHttpAlpns];

/** ALPNs that the sidecar offers to mesh clients. */
export function serverAlpns(proxy: Proxy): string[] {
  return speaksHttp2(proxy) ? ['h2', 'http/1.1'] : ['http/1.1'];
}

function meshTls(model: MeshModel, proxy: Proxy): TransportSocket {
  return meshServerTls([model.trustDomain, ...(model.mesh.trustDomainAliases ?? [])], serverAlpns(proxy));
}

function tcpFilters(model: MeshModel, proxy: Proxy, port: InboundPortChains): Filter[] {
  const mixer = usesMixer(model, proxy)
    ? [{ name: 'mixer', typedConfig: tcpMixerConfig(model, proxy, 'inbound', port.service) }]
    : [];
  const forward = tcpProxyFilter(model, { statPrefix: port.cluster, cluster: port.cluster });
  return [...securityNetworkFilters(model, proxy), ...mixer, forward];
}

function managerFilters(model: MeshModel, proxy: Proxy, port: InboundPortChains): Filter[] {
  const routes = inboundConfiguration(model, proxy, port);
  return [
    connectionManagerFilter(model, {
      statPrefix: port.statPrefix,
      routes,
      httpFilters: httpFilters({ model, proxy, direction: 'inbound' }),
      side: 'inbound',
      ...(port.http2 ? { http2: true } : {}),
    }),
  ];
}

interface ChainKind {
  readonly http: boolean;
  readonly tls: boolean;
  readonly alpns?: readonly string[];
  /** Bytes are TLS, but not the mesh's: they pass as they are. */
  readonly foreignTls?: boolean;
}

/** The chains of each kind of port, the most specific first (istio/pilot/pkg/networking/core/listener_inbound.go). */
function kindsOf(port: InboundPortChains): ChainKind[] {
  const { mode, kind, terminates } = port;
  if (terminates) return [{ http: kind === 'http', tls: true }];
  const strict = mode === 'strict';
  const plain = mode !== 'strict';
  const mtls = mode !== 'disable';
  if (kind === 'http') {
    return [
      ...(mtls ? [{ http: true, tls: true, ...(strict ? {} : { alpns: meshAlpns }) }] : []),
      ...(plain ? [{ http: true, tls: false }] : []),
    ];
  }
  if (kind === 'tcp') {
    return [
      ...(mtls ? [{ http: false, tls: true, ...(strict ? {} : { alpns: meshAlpns }) }] : []),
      ...(mode === 'permissive' ? [{ http: false, tls: false, foreignTls: true }] : []),
      ...(plain ? [{ http: false, tls: false }] : []),
    ];
  }
  return [
    ...(mtls ? [{ http: true, tls: true, alpns: istioHttpAlpns }] : []),
    ...(plain ? [{ http: true, tls: false, alpns: plainHttpAlpns }] : []),
    ...(mtls ? [{ http: false, tls: true, ...(strict ? {} : { alpns: ['istio'] }) }] : []),
    ...(plain ? [{ http: false, tls: false }] : []),
    ...(mode === 'permissive' ? [{ http: false, tls: false, foreignTls: true }] : []),
  ];
}

/** Filter chains of one port. */
export function inboundChains(model: MeshModel, proxy: Proxy, port: InboundPortChains): FilterChain[] {
  return kindsOf(port).map((kind) => ({
    name: port.catchAll && kind.http ? `${port.name}-catchall-http` : port.name,
    filterChainMatch: {
      ...port.match,
      transportProtocol: kind.tls || kind.foreignTls ? 'tls' : 'raw_buffer',
      ...(kind.alpns ? { applicationProtocols: kind.alpns } : {}),
    },
    filters: kind.http ? managerFilters(model, proxy, port) : tcpFilters(model, proxy, port),
    ...(kind.tls ? { transportSocket: port.terminates ?? meshTls(model, proxy) } : {}),
    ...(port.config ? { metadata: { filterMetadata: { istio: structOf({ config: port.config }) } } } : {}),
  }));
}
