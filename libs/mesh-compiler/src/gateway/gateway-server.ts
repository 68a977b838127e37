import {
  enumOf,
  type istio_networking_v1alpha3_Server as ServerSpec,
  type istio_networking_v1alpha3_ServerTLSSettings as ServerTls,
} from '@lateen/protos';
import { hostCovers, hostsOverlap } from '../model/host.ts';
import type { MeshModel, ServiceInstance } from '../model/mesh-model.ts';
import { isHttp, type Protocol, protocolByName } from '../model/protocol.ts';
import type { Proxy } from '../model/proxy.ts';
import { selects, tlsModeLabel, visibleIn } from '../model/service.ts';
import { objectKey } from '../model/spec.ts';
import type { VirtualService } from '../model/virtual-services.ts';

const tlsModes = enumOf('istio.networking.v1alpha3.ServerTLSSettings.TLSmode');

/** One server of a Gateway that a router serves. */
export interface GatewayServer {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly gatewayName: string;
  readonly namespace: string;
  readonly key: string;
  /** Port as the Gateway writes it; routes and virtual hosts are named by it. */
  readonly port: number;
  readonly portName: string;
  /** Port that the router binds: the workload's port behind its service. */
  readonly boundPort: number;
  /** Address that the Gateway asks for; empty: the router's default. */
  readonly bind: string;
  readonly protocol: Protocol;
  /** `namespace`, `.` and `*` taken off. */
  readonly hosts: readonly ServerHost[];
  readonly tls: ServerTls | undefined;
  readonly kind: 'http' | 'https' | 'tls' | 'passthrough' | 'auto-passthrough' | 'tcp';
}

/** A host of a server and the namespaces whose VirtualServices may bind to it. */
interface ServerHost {
  readonly host: string;
  /** `undefined`: any. */
  readonly namespace: string | undefined;
}

function parseHost(text: string, gatewayNamespace: string): ServerHost {
  const slash = text.indexOf('/');
  if (slash < 0) return { host: text, namespace: undefined };
  const namespace = text.slice(0, slash);
  const host = text.slice(slash + 1);
  return {
    host,
    namespace: namespace === '*' ? undefined : namespace === '.' ? gatewayNamespace : namespace,
  };
}

function kindOf(protocol: Protocol, tls: ServerTls | undefined): GatewayServer['kind'] {
  if (protocol === 'https' || protocol === 'tls') {
    const mode = tls?.mode ?? tlsModes.PASSTHROUGH;
    if (mode === tlsModes.AUTO_PASSTHROUGH) return 'auto-passthrough';
    if (mode === tlsModes.PASSTHROUGH) return 'passthrough';
    return protocol === 'https' ? 'https' : 'tls';
  }
  return isHttp(protocol) ? 'http' : 'tcp';
}

/** Port of the router's workload that its service's port leads to; the same port when no service says. */
function boundPort(model: MeshModel, proxy: Proxy, port: number): number {
  const mapped = proxy.outbound?.get(String(port));
  if (mapped) return mapped;
  for (const service of model.services) {
    if (
      service.namespace !== proxy.namespace ||
      !service.selector ||
      !selects(service.selector, proxy.labels)
    )
      continue;
    const target = service.ports.find(({ number }) => number === port)?.targetPort;
    if (typeof target === 'number') return target;
  }
  // Everyone has a loopback address; there the labels tell who is who.
  const own = ({ endpoint }: ServiceInstance): boolean =>
    !endpoint.address.startsWith('127.') ||
    [...endpoint.labels].every(([key, value]) => key === tlsModeLabel || proxy.labels.get(key) === value);
  const instance = model.instances(proxy).find((one) => one.port.number === port && own(one));
  return instance?.endpoint.port || port;
}

/** Servers of all Gateways that select the router, in the order of the Gateways' age. */
export function gatewayServers(model: MeshModel, proxy: Proxy): GatewayServer[] {
  return model.gateways.flatMap((gateway) => {
    const { name, namespace } = gateway.metadata;
    if (!selects(gateway.spec.selector ?? {}, proxy.labels)) return [];
    return (gateway.spec.servers ?? []).map((server: ServerSpec): GatewayServer => {
      const protocol = protocolByName(server.port?.protocol ?? '');
      const port = server.port?.number ?? 0;
      return {
        gateway: `${namespace}/${name}`,
        gatewayName: name,
        namespace,
        key: objectKey('istio/networking/v1alpha3/gateways', gateway),
        port,
        portName: server.port?.name ?? '',
        boundPort: boundPort(model, proxy, port),
        bind: server.bind ?? '',
        protocol,
        hosts: (server.hosts ?? []).map((host) => parseHost(host, namespace)),
        tls: server.tls,
        kind: kindOf(protocol, server.tls),
      };
    });
  });
}

/** A VirtualService bound to a server, with its hosts that the server takes. */
export interface BoundVirtualService {
  readonly owner: VirtualService;
  /** Names that both have → host of the server. */
  readonly hosts: ReadonlyMap<string, ServerHost>;
}

/** VirtualServices of a server: named by gateway, visible to the router, of a host and namespace that the server allows. */
export function boundVirtualServices(
  model: MeshModel,
  proxy: Proxy,
  server: GatewayServer,
): BoundVirtualService[] {
  return model.virtualServices.forGateway(server.gateway).flatMap((owner) => {
    if (!visibleIn(owner.exportTo, owner.namespace, proxy.namespace)) return [];
    const hosts = new Map<string, ServerHost>();
    for (const host of owner.hosts) {
      for (const taker of server.hosts) {
        const allowed = taker.namespace === undefined || taker.namespace === owner.namespace;
        if (!allowed || !hostsOverlap(taker.host, host)) continue;
        // Of the two only the names that both stand for are served.
        const narrower = hostCovers(taker.host, host) ? host : taker.host;
        if (!hosts.has(narrower)) hosts.set(narrower, taker);
      }
    }
    return hosts.size > 0 ? [{ owner, hosts }] : [];
  });
}

/** Address that a server binds: its own, or every address, or loopback on a router that has no other. */
export function bindAddress(proxy: Proxy, server: GatewayServer): string {
  if (server.bind) return server.bind;
  const local =
    proxy.addresses.length > 0 &&
    proxy.addresses.every((address) => address.startsWith('127.') || address === '::1');
  return local ? '127.0.0.1' : '0.0.0.0';
}
