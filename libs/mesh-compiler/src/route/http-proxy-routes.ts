import type {
  envoy_config_route_v3_Route as Route,
  envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
} from '@lateen/protos';
import { connectInside, outboundClusterName } from '../cluster/cluster-name.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { attempt, type CompileProblem } from '../model/problem.ts';
import { isTcp, isTls } from '../model/protocol.ts';
import { type Proxy, sharesLoopback } from '../model/proxy.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { EgressListener } from '../model/sidecar-scope.ts';
import { connectRoute } from './connect-route.ts';
import { otherHosts, outboundConfiguration } from './route-configuration.ts';
import { tcpChains, tcpOwner, type TcpScope, tlsChains } from './tcp-route.ts';
import { hostNames, meshHostRoutes, virtualHosts, withPort } from './virtual-host.ts';

/** Name of the route configuration behind the HTTP proxy port. */
export const httpProxyRoutes = 'http_proxy';

const mesh: ReadonlySet<string> = new Set(['mesh']);

/** Where a CONNECT to a TCP or TLS service goes: its VirtualService's first route that holds, else the port's cluster. */
function tunnelRoute(
  model: MeshModel,
  proxy: Proxy,
  query: { service: Service; port: ServicePort; egress: EgressListener },
): Route {
  const { service, port, egress } = query;
  const { services } = model.scope(proxy);
  const scope: TcpScope = { model, proxy, services, gateways: mesh, port: port.number };
  const owner = tcpOwner(egress.virtualServices, service);
  const [chain] = owner
    ? isTls(port.protocol)
      ? tlsChains(owner, service.host, scope)
      : tcpChains(owner, scope)
    : [];
  const legs = chain?.target.weightedClusters?.clusters;
  if (legs) {
    const clusters = legs.map(({ name, weight }) => ({ name, weight: { value: weight ?? 0 } }));
    return connectRoute('default', { weightedClusters: { clusters } });
  }
  return connectRoute('default', {
    cluster: chain?.target.cluster ?? outboundClusterName(port.number, '', service.host),
  });
}

/** How the loopback that the proxy port is on can be written. A name that resolves to it ends at the missing credential. */
const ownNames = [
  'localhost',
  'localhost.',
  '127.0.0.1',
  '0.0.0.0',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
];

/** Refuses requests for the proxy port itself: answered by itself they would go round for ever. */
function proxyItself(port: number): { name: string; domains: string[]; routes: Route[] } {
  const refuse = {
    directResponse: { status: 502, body: { inlineString: 'the proxy does not proxy to itself\n' } },
  };
  return {
    name: `proxy_itself:${port}`,
    domains: ownNames.map((host) => `${host}:${port}`),
    routes: [
      { name: 'proxy_itself', match: { connectMatcher: {} }, ...refuse },
      { name: 'proxy_itself', match: { prefix: '/' }, ...refuse },
    ],
  };
}

/**
 * Routes of the HTTP proxy port, keyed `name:port`. On a shared loopback it also ends CONNECT: to an HTTP service
 * inside the proxy once more, so that routes and policies hold for what is in the tunnel; to a TCP service straight.
 */
export function httpProxyConfiguration(
  model: MeshModel,
  proxy: Proxy,
  query: { egress: EgressListener; port: number; problems: CompileProblem[] },
): RouteConfiguration {
  const { egress, problems } = query;
  const tunnels = sharesLoopback(proxy);
  const names = (entry: { host: string; service: Service | undefined }, port: number): string[] =>
    withPort(hostNames(entry, proxy.namespace, model.domainSuffix), port);
  const entries = meshHostRoutes({ model, proxy, egress, problems }).map((entry) => ({
    name: `${entry.host}:${entry.port}`,
    domains: names(entry, entry.port),
    routes: tunnels ? [connectRoute('connect', { cluster: connectInside }), ...entry.routes] : entry.routes,
  }));
  if (tunnels) {
    entries.unshift(proxyItself(query.port));
    for (const service of egress.services.values()) {
      for (const port of service.ports) {
        if (!isTcp(port.protocol)) continue;
        const route = attempt(problems, service.key, () =>
          tunnelRoute(model, proxy, { service, port, egress }),
        );
        if (!route) continue;
        const domains = names({ host: service.host, service }, port.number);
        entries.push({ name: `${service.host}:${port.number}`, domains, routes: [route] });
      }
    }
  }
  const configuration = outboundConfiguration(httpProxyRoutes, [
    ...virtualHosts(entries),
    otherHosts(model, proxy, { connect: tunnels }),
  ]);
  return {
    ...configuration,
    // The port is part of the key here. istiod ignores it all the same, and then finds none of its own domains.
    ignorePortInHostMatching: false,
    ...(proxy.proxyCredentials || tunnels
      ? { requestHeadersToRemove: ['proxy-authorization', 'proxy-connection'] }
      : {}),
  };
}
