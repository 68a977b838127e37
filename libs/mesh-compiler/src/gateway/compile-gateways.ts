import {
  type envoy_config_listener_v3_FilterChain as FilterChain,
  type envoy_config_listener_v3_Listener as Listener,
  enumOf,
} from '@lateen/protos';
import { mtlsServerName } from '../cluster/cluster-name.ts';
import { outboundCluster, outboundTargets } from '../cluster/outbound-cluster.ts';
import type { ResourceCollector } from '../resource-collector.ts';
import { httpFilters } from '../filter/http-filters.ts';
import { listenerAccessLogs } from '../listener/access-log.ts';
import { istioHttpAlpns, tcpProxyFilter, tlsInspector } from '../listener/filter-chain.ts';
import { connectionManagerFilter } from '../listener/http-connection-manager.ts';
import { tcpChain } from '../listener/outbound-listener.ts';
import { loadAssignment } from '../endpoint/load-assignment.ts';
import { hostCovers } from '../model/host.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { attempt } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import { tcpChains, type TcpScope, tlsChains } from '../route/tcp-route.ts';
import { securityNetworkFilters } from '../security/network-policies.ts';
import { gatewayConfiguration, gatewayRouteName } from './gateway-routes.ts';
import { bindAddress, boundVirtualServices, type GatewayServer, gatewayServers } from './gateway-server.ts';
import { gatewayTls } from './gateway-tls.ts';

const directions = enumOf('envoy.config.core.v3.TrafficDirection');
const handshake = { seconds: 15, nanos: 0 };

function serverNames(server: GatewayServer): string[] {
  const hosts = server.hosts.map(({ host }) => host);
  return hosts.includes('*') ? [] : [...new Set(hosts)];
}

function httpChain(model: MeshModel, proxy: Proxy, server: GatewayServer): FilterChain {
  const names = server.kind === 'https' ? serverNames(server) : [];
  const address = bindAddress(proxy, server);
  return {
    ...(names.length > 0 ? { filterChainMatch: { serverNames: names } } : {}),
    filters: [
      connectionManagerFilter(model, {
        statPrefix: `outbound_${address}_${server.boundPort};`,
        routes: gatewayRouteName(server),
        httpFilters: httpFilters({ model, proxy, direction: 'outbound' }),
        side: 'gateway',
      }),
    ],
    ...(server.kind === 'https' && server.tls ? { transportSocket: gatewayTls(server.tls, proxy) } : {}),
    transportSocketConnectTimeout: handshake,
  };
}

function guarded(model: MeshModel, proxy: Proxy, chain: FilterChain): FilterChain {
  return { ...chain, filters: [...securityNetworkFilters(model, proxy), ...(chain.filters ?? [])] };
}

/** Chains of TCP and of TLS that is passed on or ended without HTTP inside. */
function streamChains(model: MeshModel, proxy: Proxy, server: GatewayServer): FilterChain[] {
  const scope: TcpScope = {
    model,
    proxy,
    services: model.scope(proxy).services,
    gateways: new Set([server.gateway]),
    port: server.port,
  };
  const bound = boundVirtualServices(model, proxy, server);
  if (server.kind === 'passthrough') {
    return bound
      .flatMap(({ owner, hosts }) => [...hosts.keys()].flatMap((host) => tlsChains(owner, host, scope)))
      .map((chain) => guarded(model, proxy, tcpChain(model, proxy, chain)));
  }
  const [chain] = bound.flatMap(({ owner }) => tcpChains(owner, scope));
  if (!chain) return [];
  const names = server.kind === 'tls' ? serverNames(server) : [];
  const built = guarded(model, proxy, tcpChain(model, proxy, { ...chain, serverNames: names }));
  return [
    {
      ...built,
      ...(server.kind === 'tls' && server.tls ? { transportSocket: gatewayTls(server.tls, proxy) } : {}),
    },
  ];
}

/** Chains that pass the mesh's own TLS on by the server name that sidecars use; each needs a cluster of that name. */
function autoPassthrough(
  model: MeshModel,
  proxy: Proxy,
  query: { server: GatewayServer; into: ResourceCollector },
): FilterChain[] {
  const chains: FilterChain[] = [];
  for (const service of model.scope(proxy).services.values()) {
    const taken = query.server.hosts.some(
      ({ host, namespace }) =>
        hostCovers(host, service.host) && (namespace === undefined || namespace === service.namespace),
    );
    if (!taken || service.external) continue;
    const rule = model.destinationRules.find(proxy, service);
    for (const port of service.ports) {
      if (port.protocol === 'udp') continue;
      for (const target of outboundTargets(service, port, rule)) {
        const name = mtlsServerName(port.number, target.subset, service.host);
        const {
          transportSocketMatches: _own,
          transportSocket: _ours,
          ...cluster
        } = outboundCluster(model, proxy, target);
        const edsClusterConfig = cluster.edsClusterConfig && {
          ...cluster.edsClusterConfig,
          serviceName: name,
        };
        query.into.clusters.set(name, {
          ...cluster,
          name,
          altStatName: `${name};`,
          ...(edsClusterConfig ? { edsClusterConfig } : {}),
        });
        if (edsClusterConfig) {
          const endpoints = { clusterName: name, service, port, labels: target.subsetLabels, policy: {} };
          query.into.endpoints.set(name, loadAssignment(model, proxy, endpoints));
        }
        chains.push({
          filterChainMatch: { serverNames: [name], applicationProtocols: ['istio', ...istioHttpAlpns] },
          filters: [tcpProxyFilter(model, { statPrefix: name, cluster: name })],
          transportSocketConnectTimeout: handshake,
        });
      }
    }
  }
  return chains;
}

/**
 * Chains of the servers that share an address and port; of two with one match the older keeps it. `served` has the
 * HTTP servers that a chain is there for: routes of others would be asked for by no proxy, and waited for in vain.
 */
function chainsOf(
  model: MeshModel,
  proxy: Proxy,
  query: { servers: readonly GatewayServer[]; into: ResourceCollector },
): { chains: FilterChain[]; served: GatewayServer[] } {
  const { servers, into } = query;
  const chains: FilterChain[] = [];
  const plain = servers.filter(({ kind }) => kind === 'http');
  const first = plain[0];
  if (first) chains.push(httpChain(model, proxy, first));
  const served = [...plain];
  const names = new Set<string>();
  for (const kind of [['https'], ['passthrough', 'tls', 'tcp', 'auto-passthrough']]) {
    for (const server of servers) {
      if (!kind.includes(server.kind)) continue;
      const built = attempt(into.problems, server.key, () => {
        if (server.kind === 'https') return [httpChain(model, proxy, server)];
        if (server.kind === 'auto-passthrough') return autoPassthrough(model, proxy, { server, into });
        return streamChains(model, proxy, server);
      });
      for (const chain of built ?? []) {
        const own = chain.filterChainMatch?.serverNames ?? [];
        const free = own.filter((name) => !names.has(name));
        const repeated =
          own.length > 0
            ? free.length === 0
            : chains.some(({ filterChainMatch }) => !filterChainMatch?.serverNames);
        if (repeated) {
          into.problems.push({
            object: server.key,
            message: `port ${server.port} already serves ${own.join(', ') || 'every host'}`,
          });
          continue;
        }
        for (const name of free) names.add(name);
        if (server.kind === 'https') served.push(server);
        const match = chain.filterChainMatch;
        chains.push(
          match && free.length < own.length
            ? { ...chain, filterChainMatch: { ...match, serverNames: free } }
            : chain,
        );
      }
    }
  }
  return { chains, served };
}

function listenerOf(
  model: MeshModel,
  chains: readonly FilterChain[],
  at: { address: string; port: number },
): Listener {
  const inspects = chains.some(
    ({ filterChainMatch, transportSocket }) => filterChainMatch?.serverNames ?? transportSocket,
  );
  return {
    name: `${at.address}_${at.port}`,
    address: { socketAddress: { address: at.address, portValue: at.port } },
    trafficDirection: directions.OUTBOUND,
    maxConnectionsToAcceptPerSocketEvent: { value: 1 },
    ...(inspects ? { listenerFilters: [tlsInspector()] } : {}),
    filterChains: chains,
    ...listenerAccessLogs(model),
  };
}

/** Listeners and routes of a router: servers of all its Gateways, merged by address and port. */
export function compileGateways(model: MeshModel, proxy: Proxy, into: ResourceCollector): void {
  const byAddress = new Map<string, GatewayServer[]>();
  for (const server of gatewayServers(model, proxy)) {
    const key = `${bindAddress(proxy, server)}_${server.boundPort}`;
    byAddress.set(key, [...(byAddress.get(key) ?? []), server]);
  }
  for (const servers of byAddress.values()) {
    const [first] = servers;
    if (!first) continue;
    const { chains, served } = chainsOf(model, proxy, { servers, into });
    if (chains.length === 0) continue;
    const listener = listenerOf(model, chains, { address: bindAddress(proxy, first), port: first.boundPort });
    into.listeners.set(listener.name ?? '', listener);
    const byRoutes = new Map<string, GatewayServer[]>();
    for (const server of served) {
      const name = gatewayRouteName(server);
      byRoutes.set(name, [...(byRoutes.get(name) ?? []), server]);
    }
    for (const [name, sharing] of byRoutes) {
      into.routes.set(
        name,
        gatewayConfiguration(model, proxy, { name, servers: sharing, problems: into.problems }),
      );
    }
  }
}
