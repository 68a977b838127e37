import { hostsOverlap } from '../model/host.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { isHttp, isSniffed, isTls } from '../model/protocol.ts';
import { type Proxy, sharesLoopback } from '../model/proxy.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { EgressListener } from '../model/sidecar-scope.ts';
import {
  serviceChain,
  type TcpChain,
  tcpChains,
  tcpOwner,
  type TcpScope,
  tlsChains,
} from '../route/tcp-route.ts';
import type { OutboundListener } from './outbound-listener.ts';

const mesh: ReadonlySet<string> = new Set(['mesh']);
const wildcard = '0.0.0.0';
const loopback = '127.0.0.1';

/** One listener to be, and the route configuration that it asks for. */
export interface PlannedListener extends OutboundListener {
  /** Host of the one service that the routes are for; absent: all of the port. */
  readonly routeHost?: string;
  /** What the routes are of. */
  readonly egress: EgressListener;
}

interface Plan {
  address: string;
  port: number;
  routes?: string;
  routePort?: number;
  routeHost?: string;
  tcp: TcpChain[];
  sniffed: boolean;
  bound: boolean;
  egress: EgressListener;
  otherwise: 'passthrough' | 'none';
}

function chainsOf(
  model: MeshModel,
  proxy: Proxy,
  query: { service: Service; port: ServicePort; egress: EgressListener; bySni: boolean },
): TcpChain[] {
  const { service, port, egress, bySni } = query;
  const { services } = model.scope(proxy);
  const scope: TcpScope = { model, proxy, services, gateways: mesh, port: port.number };
  const owner = tcpOwner(egress.virtualServices, service);
  const tls = isTls(port.protocol);
  const shaped = owner ? (tls ? tlsChains(owner, undefined, scope) : tcpChains(owner, scope)) : [];
  if (shaped.some(({ serverNames, subnets }) => serverNames.length + subnets.length === 0)) return shaped;
  if (shaped.some(({ serverNames }) => serverNames.some((name) => hostsOverlap(name, service.host))))
    return shaped;
  return [...shaped, serviceChain(service, port, tls && bySni ? [service.host] : [])];
}

/** Adds chains that don't repeat a match: of two services with the same match the first keeps it. */
function addChains(plan: Plan, chains: readonly TcpChain[]): void {
  const key = ({ serverNames, subnets }: TcpChain): string => `${serverNames.join()}|${subnets.join()}`;
  const known = new Set(plan.tcp.map(key));
  const names = new Set(
    plan.tcp.flatMap(({ serverNames, subnets }) => (subnets.length > 0 ? [] : serverNames)),
  );
  for (const chain of chains) {
    const repeated = chain.subnets.length === 0 && chain.serverNames.some((name) => names.has(name));
    if (!known.has(key(chain)) && !repeated) {
      plan.tcp.push(chain);
      known.add(key(chain));
    }
  }
}

/** Listeners of a sidecar on a shared loopback: the service ports that its node maps to local ones, nothing else. */
function mappedListeners(model: MeshModel, proxy: Proxy, egress: EgressListener): Plan[] {
  const plans: Plan[] = [];
  for (const [key, local] of proxy.outbound ?? []) {
    const colon = key.lastIndexOf(':');
    const number = Number(colon < 0 ? key : key.slice(colon + 1));
    const host = colon < 0 ? undefined : key.slice(0, colon);
    const plan: Plan = {
      address: loopback,
      port: local,
      tcp: [],
      sniffed: false,
      bound: true,
      egress,
      otherwise: 'none',
    };
    const mapped = new Map([...egress.services].filter(([name]) => host === undefined || name === host));
    for (const service of mapped.values()) {
      const port = service.ports.find((one) => one.number === number);
      if (!port || port.protocol === 'udp') continue;
      if (isHttp(port.protocol) || (isSniffed(port.protocol) && plan.tcp.length === 0)) {
        if (plan.tcp.length > 0) continue;
        plan.routes = host === undefined ? String(number) : `${host}:${number}`;
        plan.routePort = number;
        if (host !== undefined) plan.routeHost = host;
      } else if (plan.routes === undefined) {
        addChains(plan, chainsOf(model, proxy, { service, port, egress, bySni: host === undefined }));
      }
    }
    if (plan.routes !== undefined || plan.tcp.length > 0) plans.push(plan);
  }
  return plans;
}

/** Addresses that a service port is dialled by, with the ranges for which the listener at `0.0.0.0` is needed. */
function bindings(service: Service, bound: boolean, bind: string): { address: string; subnets: string[] }[] {
  if (bind) return [{ address: bind, subnets: [] }];
  if (bound) return [{ address: loopback, subnets: [] }];
  const single = service.addresses.filter((address) => !address.includes('/') && address !== wildcard);
  const ranges = service.addresses.filter((address) => address.includes('/'));
  const binds = single.map((address) => ({ address, subnets: [] as string[] }));
  if (ranges.length > 0) binds.push({ address: wildcard, subnets: ranges });
  return binds.length > 0 ? binds : [{ address: wildcard, subnets: [] }];
}

/** Plans by address and port. An entry's own listener is not added to by the entries after it. */
class Plans {
  readonly #plans = new Map<string, Plan>();

  at(address: string, port: number, options: { egress: EgressListener; bound: boolean }): Plan | undefined {
    const key = `${address}_${port}`;
    const known = this.#plans.get(key);
    if (known) return known.egress === options.egress || !known.egress.port ? known : undefined;
    const otherwise = !options.bound && address === wildcard ? 'passthrough' : 'none';
    const plan: Plan = { address, port, tcp: [], sniffed: false, otherwise, ...options };
    this.#plans.set(key, plan);
    return plan;
  }

  values(): Plan[] {
    return [...this.#plans.values()];
  }
}

/** Adds one service port to the listeners of an egress entry. */
function planPort(
  model: MeshModel,
  proxy: Proxy,
  query: { plans: Plans; egress: EgressListener; service: Service; port: ServicePort },
): void {
  const { plans, egress, service, port } = query;
  const bound = egress.bound ?? proxy.interception === 'none';
  // What an entry declares for its port holds whatever the service says.
  const protocol = egress.port?.protocol ?? port.protocol;
  const alone = isSniffed(protocol) && (bound || service.addresses.length > 0);
  if (alone) {
    for (const { address } of bindings(service, bound, egress.bind)) {
      const plan = plans.at(address, port.number, { egress, bound });
      // On a bound loopback port the first service holds.
      if (!plan || plan.routes !== undefined || plan.tcp.length > 0) continue;
      plan.routes = `${service.host}:${port.number}`;
      plan.routePort = port.number;
      plan.routeHost = service.host;
      plan.sniffed = true;
      addChains(plan, [serviceChain(service, port, [])]);
    }
  } else if (isHttp(protocol) || isSniffed(protocol)) {
    const plan = plans.at(egress.bind || (bound ? loopback : wildcard), port.number, { egress, bound });
    if (!plan || (bound && plan.tcp.length > 0)) return;
    plan.routes = String(port.number);
    plan.routePort = port.number;
    plan.sniffed = !bound;
  } else {
    for (const { address, subnets } of bindings(service, bound, egress.bind)) {
      const plan = plans.at(address, port.number, { egress, bound });
      if (!plan || (bound && plan.routes !== undefined)) continue;
      const bySni = !bound && address === wildcard;
      const chains = chainsOf(model, proxy, { service, port, egress, bySni });
      addChains(
        plan,
        chains.map((chain) =>
          subnets.length > 0 && chain.subnets.length === 0 ? { ...chain, subnets } : chain,
        ),
      );
    }
  }
}

/**
 * Outbound listeners of a sidecar. HTTP of all services shares a listener per port and is told apart by Host; TCP
 * and TLS have one per virtual address, or share one per port and are told apart by SNI or range.
 */
export function planOutbound(model: MeshModel, proxy: Proxy): PlannedListener[] {
  const { egress: entries, imported } = model.scope(proxy);
  if (sharesLoopback(proxy)) return mappedListeners(model, proxy, imported);
  const plans = new Plans();
  for (const egress of entries) {
    for (const service of egress.services.values()) {
      for (const port of service.ports) {
        if (port.protocol !== 'udp') planPort(model, proxy, { plans, egress, service, port });
      }
    }
  }
  return plans.values();
}
