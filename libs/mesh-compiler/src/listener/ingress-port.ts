import {
  enumOf,
  type istio_networking_v1alpha3_ConnectionPoolSettings as ConnectionPool,
  type istio_networking_v1alpha3_IstioIngressListener as IngressSpec,
} from '@lateen/protos';
import { inboundClusterName } from '../cluster/cluster-name.ts';
import { gatewayTls } from '../gateway/gateway-tls.ts';
import type { MeshModel, ServiceInstance } from '../model/mesh-model.ts';
import { isHttp, isHttp2, isSniffed, type Protocol, protocolByName } from '../model/protocol.ts';
import type { Proxy } from '../model/proxy.ts';
import type { InboundPortChains } from './inbound-chains.ts';

const captureModes = enumOf('istio.networking.v1alpha3.CaptureMode');
const tlsModes = enumOf('istio.networking.v1alpha3.ServerTLSSettings.TLSmode');

/** Where an ingress entry hands its connections on. */
type IngressEndpoint =
  | { readonly kind: 'socket'; readonly address: string; readonly port: number }
  | { readonly kind: 'pipe'; readonly path: string };

/** One port of a workload that its Sidecar's `ingress` names. */
export interface IngressPort {
  readonly number: number;
  readonly protocol: Protocol;
  /** Address of its listener, and of its chains' names. */
  readonly bind: string;
  /** It has a listener of its own; otherwise its connections come to `virtualInbound`. */
  readonly own: boolean;
  readonly endpoint: IngressEndpoint;
  readonly pool: ConnectionPool | undefined;
  readonly instances: readonly ServiceInstance[];
  readonly chains: InboundPortChains;
}

function endpointOf(text: string, port: number, proxy: Proxy): IngressEndpoint {
  if (text.startsWith('unix://')) return { kind: 'pipe', path: text.slice('unix://'.length) };
  const colon = text.lastIndexOf(':');
  const address = colon < 0 ? '0.0.0.0' : text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const anywhere = address === '' || address === '0.0.0.0' || address === '::';
  return {
    kind: 'socket',
    address: anywhere ? (proxy.addresses[0] ?? '127.0.0.1') : address,
    port: colon < 0 ? port : Number(text.slice(colon + 1)),
  };
}

/** Protocol once the listener's own TLS is taken off. */
function innerProtocol(protocol: Protocol): Protocol {
  return protocol === 'https' ? 'http' : protocol === 'tls' ? 'tcp' : protocol;
}

function ingressPort(model: MeshModel, proxy: Proxy, spec: IngressSpec): IngressPort {
  const number = spec.port?.number ?? 0;
  const { sidecar } = model.scope(proxy);
  const mode = model.peerAuthentications.mode(proxy.namespace, proxy.labels, [number]);
  // The port's own TLS stands in where the mesh's is switched off.
  const terminates =
    spec.tls !== undefined && spec.tls.mode !== tlsModes.PASSTHROUGH && mode === 'disable'
      ? gatewayTls(spec.tls, proxy)
      : undefined;
  const declared = protocolByName(spec.port?.protocol ?? '');
  const protocol = terminates ? innerProtocol(declared) : declared;
  const instances = model.instances(proxy).filter(({ endpoint }) => endpoint.port === number);
  const bind = spec.bind || proxy.addresses[0] || '0.0.0.0';
  const name = `${bind}_${number}`;
  return {
    number,
    protocol,
    bind,
    own:
      proxy.interception === 'none' ||
      spec.captureMode === captureModes.NONE ||
      (spec.bind !== undefined && spec.bind !== ''),
    endpoint: endpointOf(spec.defaultEndpoint ?? '', number, proxy),
    pool: spec.connectionPool ?? sidecar?.spec.inboundConnectionPool,
    instances,
    chains: {
      name,
      statPrefix: `inbound_${name};`,
      cluster: inboundClusterName(number),
      servicePort: number,
      service: instances[0]?.service,
      mode,
      kind: isHttp(protocol) ? 'http' : isSniffed(protocol) ? 'sniffed' : 'tcp',
      http2: isHttp2(protocol),
      match: { destinationPort: { value: number } },
      ...(terminates ? { terminates } : {}),
      ...(sidecar
        ? {
            operation: `${sidecar.metadata.name}.${sidecar.metadata.namespace}`,
            config: `/apis/networking.istio.io/v1/namespaces/${sidecar.metadata.namespace}/sidecar/${sidecar.metadata.name}`,
          }
        : {}),
    },
  };
}

/** Ports that the workload's Sidecar names, in its order; `undefined`: it names none, and services say. */
export function ingressPorts(model: MeshModel, proxy: Proxy): IngressPort[] | undefined {
  return model.scope(proxy).ingress?.map((spec) => ingressPort(model, proxy, spec));
}
