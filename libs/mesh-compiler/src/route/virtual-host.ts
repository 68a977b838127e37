import type {
  envoy_config_route_v3_Route as Route,
  envoy_config_route_v3_VirtualHost as VirtualHost,
} from '@lateen/protos';
import { outboundClusterName } from '../cluster/cluster-name.ts';
import { compareHosts, hostAliases, hostCovers } from '../model/host.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { attempt, type CompileProblem } from '../model/problem.ts';
import { isHttp, isSniffed } from '../model/protocol.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Service } from '../model/service.ts';
import type { EgressListener } from '../model/sidecar-scope.ts';
import type { VirtualService } from '../model/virtual-services.ts';
import { defaultRoute, type RouteScope, routesOf } from './http-route.ts';

/** Routes of one host and port, before they become a virtual host of some route configuration. */
export interface HostRoutes {
  readonly host: string;
  readonly port: number;
  /** Absent for a host of a VirtualService that no service has. */
  readonly service: Service | undefined;
  readonly routes: readonly Route[];
}

/** Which hosts are built. */
export interface HostQuery {
  readonly model: MeshModel;
  readonly proxy: Proxy;
  /** What the routes are of. */
  readonly egress: EgressListener;
  readonly problems: CompileProblem[];
  /** Host of the one service that is built; its destinations are looked up among all. */
  readonly only?: string;
  /** One port; absent: all ports, for the HTTP proxy's routes. */
  readonly port?: number;
}

const mesh: ReadonlySet<string> = new Set(['mesh']);

/** VirtualService of each service: one of its very host, else of the longest wildcard; the oldest of several. */
function ownersOf(
  services: Iterable<Service>,
  virtualServices: readonly VirtualService[],
): Map<Service, VirtualService> {
  const exact = new Map<string, VirtualService>();
  const wild: { host: string; owner: VirtualService }[] = [];
  for (const owner of virtualServices) {
    for (const host of owner.hosts) {
      if (host.startsWith('*')) wild.push({ host, owner });
      else if (!exact.has(host)) exact.set(host, owner);
    }
  }
  wild.sort((a, b) => compareHosts(a.host, b.host));
  const owners = new Map<Service, VirtualService>();
  for (const service of services) {
    const owner = exact.get(service.host) ?? wild.find(({ host }) => hostCovers(host, service.host))?.owner;
    if (owner) owners.set(service, owner);
  }
  return owners;
}

function httpPorts(service: Service, only: number | undefined): number[] {
  return service.ports
    .filter(
      ({ protocol, number }) =>
        (isHttp(protocol) || isSniffed(protocol)) && (only === undefined || number === only),
    )
    .map(({ number }) => number);
}

/** Hosts of a VirtualService that no service in scope has. Of several VirtualServices with such a host the oldest wins. */
function foreignHosts(
  owner: VirtualService,
  services: ReadonlyMap<string, Service>,
  taken: Set<string>,
): string[] {
  return owner.hosts.filter((host) => {
    const known = host.startsWith('*')
      ? [...services.keys()].some((one) => hostCovers(host, one))
      : services.has(host);
    if (known || taken.has(host)) return false;
    taken.add(host);
    return true;
  });
}

/** Routes of every host that HTTP clients of the mesh may call, by port. */
export function meshHostRoutes(query: HostQuery): HostRoutes[] {
  const { model, proxy, problems, port: only } = query;
  const services = new Map(
    [...query.egress.services].filter(
      ([host, service]) =>
        httpPorts(service, only).length > 0 && (query.only === undefined || host === query.only),
    ),
  );
  const { virtualServices } = query.egress;
  const known = model.scope(proxy).services;
  const owners = ownersOf(services.values(), virtualServices);
  const taken = new Set<string>();
  const hosts: HostRoutes[] = [];
  const scopeOf = (port: number): RouteScope => ({
    model,
    proxy,
    services: known,
    gateways: mesh,
    port,
  });
  const shaped = new Set<string>();
  for (const owner of virtualServices) {
    const own = [...services.values()].filter((service) => owners.get(service) === owner);
    const foreign = foreignHosts(owner, services, taken);
    const ports = new Set(own.flatMap((service) => httpPorts(service, only)));
    // Hosts that only a VirtualService knows are taken to be on the port of plain HTTP.
    if (ports.size === 0 && (only === undefined || only === 80)) ports.add(80);
    for (const port of ports) {
      const routes = attempt(problems, owner.key, () => routesOf(owner, scopeOf(port))) ?? [];
      if (routes.length === 0) continue;
      for (const service of own) {
        if (!httpPorts(service, port).length) continue;
        hosts.push({ host: service.host, port, service, routes });
        shaped.add(`${service.host}:${port}`);
      }
      for (const host of foreign) hosts.push({ host, port, service: undefined, routes });
    }
  }
  for (const service of services.values()) {
    for (const port of httpPorts(service, only)) {
      if (shaped.has(`${service.host}:${port}`)) continue;
      const cluster = outboundClusterName(port, '', service.host);
      const route = attempt(problems, service.key, () => defaultRoute(service, cluster, scopeOf(port)));
      if (route) hosts.push({ host: service.host, port, service, routes: [route] });
    }
  }
  return hosts;
}

/** Names by which a host is called: the forms of a service's name, then its virtual addresses. */
export function hostNames(
  entry: Pick<HostRoutes, 'host' | 'service'>,
  clientNamespace: string,
  domainSuffix: string,
): string[] {
  const { host, service } = entry;
  if (!service) return [host];
  const names = hostAliases(host, service, { clientNamespace, domainSuffix });
  const addresses = service.addresses.filter((address) => !address.includes('/'));
  return [...names, ...addresses.map((address) => (address.includes(':') ? `[${address}]` : address))];
}

/** `name:port`, and the bare name too on the port that HTTP leaves out. */
export function withPort(names: readonly string[], port: number): string[] {
  return names.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));
}

/**
 * Virtual hosts in the order of their names. A domain may stand only once in a configuration: the first that claims
 * it keeps it, and a host left without any domain is left out.
 */
export function virtualHosts(
  entries: readonly { name: string; domains: readonly string[]; routes: readonly Route[] }[],
): VirtualHost[] {
  const claimed = new Set<string>();
  const hosts: VirtualHost[] = [];
  for (const { name, domains, routes } of entries) {
    const free = domains.filter((domain) => !claimed.has(domain.toLowerCase()));
    for (const domain of free) claimed.add(domain.toLowerCase());
    const unique = [...new Set(free)];
    if (unique.length > 0) hosts.push({ name, domains: unique, routes, includeRequestAttemptCount: true });
  }
  return hosts.sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
}
