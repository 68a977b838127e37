import { hostsOverlap } from '../model/host.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import { isHttp, isSniffed, isTls } from '../model/protocol.ts';
import { type Proxy, sharesLoopback } from '../model/proxy.ts';
import type { Service, ServicePort } from '../model/service.ts';
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
}

interface Plan {
  address: string;
  port: number;
  routes?: string;
  routePort?: number;
  routeHost?: string;
  tcp: TcpChain[];
  sniffed: boolean;
  otherwise: 'passthrough' | 'none';
}

function chainsOf(
  model: MeshModel,
  proxy: Proxy,
  query: { service: Service; port: ServicePort; services: ReadonlyMap<string, Service>; bySni: boolean },
): TcpChain[] {
  const { service, port, services, bySni } = query;
  const scope: TcpScope = { model, proxy, services, gateways: mesh, port: port.number };
  const owner = tcpOwner(model, proxy, service);
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
function mappedListeners(model: MeshModel, proxy: Proxy, services: ReadonlyMap<string, Service>): Plan[] {
  const plans: Plan[] = [];
  for (const [key, local] of proxy.outbound ?? []) {
    const colon = key.lastIndexOf(':');
    const number = Number(colon < 0 ? key : key.slice(colon + 1));
    const host = colon < 0 ? undefined : key.slice(0, colon);
    const plan: Plan = { address: loopback, port: local, tcp: [], sniffed: false, otherwise: 'none' };
    const mapped = new Map([...services].filter(([name]) => host === undefined || name === host));
    for (const service of mapped.values()) {
      const port = service.ports.find((one) => one.number === number);
      if (!port || port.protocol === 'udp') continue;
      if (isHttp(port.protocol) || (isSniffed(port.protocol) && plan.tcp.length === 0)) {
        if (plan.tcp.length > 0) continue;
        plan.routes = host === undefined ? String(number) : `${host}:${number}`;
        plan.routePort = number;
        if (host !== undefined) plan.routeHost = host;
      } else if (plan.routes === undefined) {
        addChains(plan, chainsOf(model, proxy, { service, port, services, bySni: host === undefined }));
      }
    }
    if (plan.routes !== undefined || plan.tcp.length > 0) plans.push(plan);
  }
  return plans;
}

/** Addresses that a service port is dialled by, with the ranges for which the listener at `0.0.0.0` is needed. */
function bindings(service: Service, redirected: boolean): { address: string; subnets: string[] }[] {
  if (!redirected) return [{ address: loopback, subnets: [] }];
  const single = service.addresses.filter((address) => !address.includes('/') && address !== wildcard);
  const ranges = service.addresses.filter((address) => address.includes('/'));
  const binds = single.map((address) => ({ address, subnets: [] as string[] }));
  if (ranges.length > 0) binds.push({ address: wildcard, subnets: ranges });
  return binds.length > 0 ? binds : [{ address: wildcard, subnets: [] }];
}

/**
 * Outbound listeners of a sidecar. HTTP of all services shares a listener per port and is told apart by Host; TCP
 * and TLS have one per virtual address, or share one per port and are told apart by SNI or range.
 */
export function planOutbound(model: MeshModel, proxy: Proxy): PlannedListener[] {
  const services = model.visibleServices(proxy.namespace);
  if (sharesLoopback(proxy)) return mappedListeners(model, proxy, services);
  const redirected = proxy.interception !== 'none';
  const plans = new Map<string, Plan>();
  const planAt = (address: string, port: number): Plan => {
    const key = `${address}_${port}`;
    const known = plans.get(key);
    if (known) return known;
    const plan: Plan = {
      address,
      port,
      tcp: [],
      sniffed: false,
      otherwise: redirected && address === wildcard ? 'passthrough' : 'none',
    };
    plans.set(key, plan);
    return plan;
  };
  for (const service of services.values()) {
    for (const port of service.ports) {
      if (port.protocol === 'udp') continue;
      const alone = isSniffed(port.protocol) && (!redirected || service.addresses.length > 0);
      if (alone) {
        for (const { address } of bindings(service, redirected)) {
          const plan = planAt(address, port.number);
          // On a bound loopback port the first service holds.
          if (plan.routes !== undefined || plan.tcp.length > 0) continue;
          plan.routes = `${service.host}:${port.number}`;
          plan.routePort = port.number;
          plan.routeHost = service.host;
          plan.sniffed = true;
          addChains(plan, [serviceChain(service, port, [])]);
        }
      } else if (isHttp(port.protocol) || isSniffed(port.protocol)) {
        const plan = planAt(redirected ? wildcard : loopback, port.number);
        if (!redirected && plan.tcp.length > 0) continue;
        plan.routes = String(port.number);
        plan.routePort = port.number;
        plan.sniffed = redirected;
      } else {
        for (const { address, subnets } of bindings(service, redirected)) {
          const plan = planAt(address, port.number);
          if (!redirected && plan.routes !== undefined) continue;
          const bySni = redirected && address === wildcard;
          const chains = chainsOf(model, proxy, { service, port, services, bySni });
          addChains(
            plan,
            chains.map((chain) =>
              subnets.length > 0 && chain.subnets.length === 0 ? { ...chain, subnets } : chain,
            ),
          );
        }
      }
    }
  }
  return [...plans.values()];
}
