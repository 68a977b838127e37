import {
  type envoy_config_route_v3_Route as Route,
  type envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
  type envoy_config_route_v3_VirtualHost as VirtualHost,
  enumOf,
} from '@lateen/protos';
import type { MeshModel } from '../model/mesh-model.ts';
import { attempt, type CompileProblem } from '../model/problem.ts';
import type { Proxy } from '../model/proxy.ts';
import { isCatchAll } from '../route/http-match.ts';
import { routesOf } from '../route/http-route.ts';
import { outboundConfiguration } from '../route/route-configuration.ts';
import { boundVirtualServices, type GatewayServer } from './gateway-server.ts';

const requirements = enumOf('envoy.config.route.v3.VirtualHost.TlsRequirementType');

/** Name of the routes behind a server: `http.PORT` for all plain HTTP of a port, one of its own for each TLS server. */
export function gatewayRouteName(server: GatewayServer): string {
  const bind = server.bind ? `.${server.bind}` : '';
  if (server.kind === 'http') return `http.${server.boundPort}${bind}`;
  return `https.${server.port}.${server.portName}.${server.gatewayName}.${server.namespace}${bind}`;
}

interface HostEntry {
  readonly host: string;
  readonly port: number;
  readonly routes: Route[];
  /** Which VirtualServices the routes are of: hosts with the same share a virtual host. */
  readonly sources: string[];
  redirect: boolean;
}

function catchAllLast(routes: readonly Route[]): Route[] {
  const all = routes.filter((route) => isCatchAll(route.match ?? {}));
  return [...routes.filter((route) => !all.includes(route)), ...all];
}

function gather(
  model: MeshModel,
  proxy: Proxy,
  query: { servers: readonly GatewayServer[]; problems: CompileProblem[] },
): Map<string, HostEntry> {
  const entries = new Map<string, HostEntry>();
  const services = model.scope(proxy).services;
  const entryOf = (host: string, port: number): HostEntry => {
    const entry = entries.get(host) ?? { host, port, routes: [], sources: [], redirect: false };
    entries.set(host, entry);
    return entry;
  };
  for (const server of query.servers) {
    const redirect = server.tls?.httpsRedirect === true;
    for (const { owner, hosts } of boundVirtualServices(model, proxy, server)) {
      const scope = {
        model,
        proxy,
        services,
        gateways: new Set([server.gateway]),
        port: server.port,
        secure: server.kind === 'https',
      };
      const routes = attempt(query.problems, owner.key, () => routesOf(owner, scope)) ?? [];
      if (routes.length === 0) continue;
      for (const host of hosts.keys()) {
        const entry = entryOf(host, server.port);
        entry.redirect ||= redirect;
        if (entry.sources.includes(owner.key)) continue;
        entry.sources.push(owner.key);
        entry.routes.push(...routes);
      }
    }
    // Without any route the redirect holds all the same.
    if (redirect)
      for (const { host } of server.hosts) if (!entries.has(host)) entryOf(host, server.port).redirect = true;
  }
  return entries;
}

function shared(entries: Iterable<HostEntry>): VirtualHost[] {
  const groups = new Map<string, HostEntry[]>();
  for (const entry of entries) {
    const key = JSON.stringify([
      entry.redirect,
      entry.port,
      entry.sources.length > 0 ? entry.sources : entry.host,
    ]);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].map((group): VirtualHost => {
    const hosts = group.map(({ host }) => host).sort();
    const [first] = group;
    return {
      name: `${hosts[0] ?? ''}:${first?.port ?? 0}`,
      domains: hosts,
      routes: catchAllLast(first?.routes ?? []),
      includeRequestAttemptCount: true,
      ...(first?.redirect ? { requireTls: requirements.ALL } : {}),
    };
  });
}

/** Routes of the servers that share a route name. Several VirtualServices of one host add up, catch-alls last. */
export function gatewayConfiguration(
  model: MeshModel,
  proxy: Proxy,
  query: { name: string; servers: readonly GatewayServer[]; problems: CompileProblem[] },
): RouteConfiguration {
  const hosts = shared(gather(model, proxy, query).values()).sort((a, b) =>
    (a.name ?? '') < (b.name ?? '') ? -1 : 1,
  );
  const port = query.servers[0]?.port ?? 0;
  // An empty table is no table to Envoy: one host that knows nothing answers 404.
  const nothing: VirtualHost = { name: `blackhole:${port}`, domains: ['*'] };
  return outboundConfiguration(query.name, hosts.length > 0 ? hosts : [nothing]);
}
