import type {
  envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy as TcpProxy,
  istio_networking_v1alpha3_RouteDestination as RouteDestination,
} from '@lateen/protos';
import { outboundClusterName } from '../cluster/cluster-name.ts';
import { hostCovers } from '../model/host.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { VirtualService } from '../model/virtual-services.ts';
import { resolveDestination } from './destination.ts';
import { sourceMatches } from './http-match.ts';

/** Where connections of one kind go, and which connections those are. */
export interface TcpChain {
  /** Server names (SNI); empty: any. */
  readonly serverNames: readonly string[];
  /** Destination ranges in CIDR form; empty: any. */
  readonly subnets: readonly string[];
  readonly target: Pick<TcpProxy, 'cluster' | 'weightedClusters'>;
  readonly statPrefix: string;
  readonly owner: VirtualService | undefined;
  readonly service: Service | undefined;
  /** Port of the service, where the chain goes straight to one. */
  readonly port?: ServicePort;
}

/** What the chains are built for. */
export interface TcpScope {
  readonly model: MeshModel;
  readonly proxy: Proxy;
  readonly services: ReadonlyMap<string, Service>;
  readonly gateways: ReadonlySet<string>;
  readonly port: number;
}

function targetOf(
  route: readonly RouteDestination[],
  owner: VirtualService,
  scope: TcpScope,
): Pick<TcpChain, 'target' | 'statPrefix'> {
  const resolve = (leg: RouteDestination | undefined): string =>
    resolveDestination(leg?.destination, {
      services: scope.services,
      domainSuffix: scope.model.domainSuffix,
      namespace: owner.namespace,
      port: scope.port,
    }).cluster;
  if (route.length === 1) {
    const cluster = resolve(route[0]);
    return { target: { cluster }, statPrefix: cluster };
  }
  const clusters = route
    .filter(({ weight }) => (weight ?? 0) > 0)
    .map((leg) => ({ name: resolve(leg), weight: leg.weight ?? 0 }));
  return { target: { weightedClusters: { clusters } }, statPrefix: `${owner.name}.${owner.namespace}` };
}

/** Chains of a VirtualService's `tls` routes for a host (absent: any of its hosts, as a gateway takes them). */
export function tlsChains(owner: VirtualService, host: string | undefined, scope: TcpScope): TcpChain[] {
  const place = {
    labels: scope.proxy.labels,
    namespace: scope.proxy.namespace,
    gateways: scope.gateways,
    port: scope.port,
  };
  return (owner.spec.tls ?? []).flatMap((tls) => {
    const matches = (tls.match ?? []).filter((match) => sourceMatches(match, owner.namespace, place));
    return matches.flatMap((match): TcpChain[] => {
      const serverNames = (match.sniHosts ?? []).filter(
        (name) => !host || hostCovers(host, name) || hostCovers(name, host),
      );
      if (host && serverNames.length === 0) return [];
      const chosen = host ? (match.sniHosts ?? []) : serverNames;
      const subnets = match.destinationSubnets ?? [];
      return [
        {
          serverNames: chosen,
          subnets,
          ...targetOf(tls.route ?? [], owner, scope),
          owner,
          service: undefined,
        },
      ];
    });
  });
}

/** Chains of a VirtualService's `tcp` routes. A match that says nothing ends the list. */
export function tcpChains(owner: VirtualService, scope: TcpScope): TcpChain[] {
  const place = {
    labels: scope.proxy.labels,
    namespace: scope.proxy.namespace,
    gateways: scope.gateways,
    port: scope.port,
  };
  const chains: TcpChain[] = [];
  for (const tcp of owner.spec.tcp ?? []) {
    const target = targetOf(tcp.route ?? [], owner, scope);
    const base = { serverNames: [], ...target, owner, service: undefined };
    const matches = tcp.match ?? [];
    if (matches.length === 0) return [...chains, { ...base, subnets: [] }];
    for (const match of matches) {
      if (!sourceMatches(match, owner.namespace, place)) continue;
      const subnets = match.destinationSubnets ?? [];
      chains.push({ ...base, subnets });
      if (subnets.length === 0) return chains;
    }
  }
  return chains;
}

/** Chain straight to a service port. */
export function serviceChain(service: Service, port: ServicePort, serverNames: readonly string[]): TcpChain {
  const cluster = outboundClusterName(port.number, '', service.host);
  return {
    serverNames,
    subnets: [],
    target: { cluster },
    statPrefix: cluster,
    owner: undefined,
    service,
    port,
  };
}

/** VirtualService of `owners` that a service's TCP and TLS traffic follows. */
export function tcpOwner(owners: readonly VirtualService[], service: Service): VirtualService | undefined {
  return (
    owners.find(({ hosts }) => hosts.includes(service.host)) ??
    owners.find(({ hosts }) => hosts.some((host) => hostCovers(host, service.host)))
  );
}
