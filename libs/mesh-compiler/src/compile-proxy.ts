import type {
  envoy_config_cluster_v3_Cluster as Cluster,
  envoy_config_endpoint_v3_ClusterLoadAssignment as ClusterLoadAssignment,
  envoy_config_listener_v3_Listener as Listener,
  envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
} from '@lateen/protos';
import {
  anyHost,
  blackHole,
  connectInsideCluster,
  forwardProxy,
  inboundPassthrough,
  ingressInbound,
  localInbound,
  mixer,
  passthrough,
  redirectedInbound,
} from './cluster/fixed-clusters.ts';
import {
  type OutboundTarget,
  outboundCluster,
  outboundTargets,
  targetName,
} from './cluster/outbound-cluster.ts';
import { effectivePolicy } from './cluster/traffic-policy.ts';
import { applyEnvoyFilters } from './envoy-filter/envoy-filters.ts';
import { loadAssignment } from './endpoint/load-assignment.ts';
import { compileGateways } from './gateway/compile-gateways.ts';
import { connectInsideListener, httpProxyListener, httpProxyPort } from './listener/http-proxy-listener.ts';
import { ingressPorts } from './listener/ingress-port.ts';
import {
  ingressListeners,
  instancesByPort,
  localInboundListener,
  virtualInbound,
} from './listener/inbound-listener.ts';
import { outboundListener, virtualOutbound } from './listener/outbound-listener.ts';
import { planOutbound } from './listener/outbound-plan.ts';
import type { MeshModel } from './model/mesh-model.ts';
import type { ResourceCollector } from './resource-collector.ts';
import { attempt, type CompileProblem } from './model/problem.ts';
import { type Proxy, sharesLoopback } from './model/proxy.ts';
import { allowsAny, portRouteConfiguration, resolvesAny } from './route/route-configuration.ts';
import { policyProblems } from './security/http-policies.ts';
import { httpProxyConfiguration, httpProxyRoutes } from './route/http-proxy-routes.ts';

/** Everything that one proxy gets, by resource name. */
export interface ProxyResources {
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** Endpoints of the clusters that ask for them by EDS. */
  readonly endpoints: ReadonlyMap<string, ClusterLoadAssignment>;
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  /** Objects of which something is missing above. */
  readonly problems: readonly CompileProblem[];
}

const proxyObject = 'proxy';

function targetsOf(model: MeshModel, proxy: Proxy): OutboundTarget[] {
  return [...model.scope(proxy).services.values()].flatMap((service) => {
    const rule = model.destinationRules.find(proxy, service);
    return service.ports
      .filter(({ protocol }) => protocol !== 'udp')
      .flatMap((port) => outboundTargets(service, port, rule));
  });
}

function assignmentOf(model: MeshModel, proxy: Proxy, target: OutboundTarget): ClusterLoadAssignment {
  const { service, port, rule, subset, subsetLabels } = target;
  return loadAssignment(model, proxy, {
    clusterName: targetName(target),
    service,
    port,
    labels: subsetLabels,
    policy: effectivePolicy(rule, subset, port.number),
  });
}

function compileServiceClusters(model: MeshModel, proxy: Proxy, into: ResourceCollector): void {
  for (const target of targetsOf(model, proxy)) {
    const key = target.subset && target.rule ? target.rule.key : target.service.key;
    const cluster = attempt(into.problems, key, () => outboundCluster(model, proxy, target));
    if (!cluster) continue;
    const name = targetName(target);
    into.clusters.set(name, cluster);
    if (cluster.edsClusterConfig) into.endpoints.set(name, assignmentOf(model, proxy, target));
  }
}

function add<T extends { name?: string | undefined }>(
  resources: Map<string, T>,
  ...found: (T | undefined)[]
): void {
  for (const resource of found) if (resource?.name) resources.set(resource.name, resource);
}

function compileFixedClusters(model: MeshModel, proxy: Proxy, into: ResourceCollector): void {
  const { clusters } = into;
  add(clusters, blackHole(model));
  if (proxy.type === 'sidecar') {
    if (sharesLoopback(proxy)) {
      add(clusters, connectInsideCluster(model));
      if (allowsAny(model, proxy)) add(clusters, forwardProxy(model, proxy));
      for (const inbound of proxy.inbound ?? []) add(clusters, localInbound(model, proxy, inbound));
    } else {
      add(clusters, passthrough(model, proxy), inboundPassthrough(model, proxy));
      if (resolvesAny(model, proxy)) add(clusters, anyHost(model, proxy));
      const ingress = ingressPorts(model, proxy);
      for (const port of ingress ?? []) add(clusters, ingressInbound(model, proxy, port));
      if (!ingress && proxy.interception !== 'none') {
        for (const [port, instances] of instancesByPort(model.instances(proxy))) {
          add(clusters, redirectedInbound(model, proxy, { port, instances }));
        }
      }
    }
  }
  if (proxy.features?.has('mixer') && (model.mixer.any.check || model.mixer.any.report)) {
    const cluster = mixer(model);
    if (cluster?.name) into.endpoints.delete(cluster.name);
    add(clusters, cluster);
  }
}

function compileOutbound(model: MeshModel, proxy: Proxy, into: ResourceCollector): void {
  const { imported } = model.scope(proxy);
  for (const plan of planOutbound(model, proxy)) {
    const { routes: name, routePort, routeHost, egress } = plan;
    attempt(into.problems, proxyObject, () => add(into.listeners, outboundListener(model, proxy, plan)));
    // Of two listeners of one port the first, that of a Sidecar's own entry, says what its routes are.
    if (name !== undefined && routePort !== undefined && !into.routes.has(name)) {
      const only = routeHost === undefined ? {} : { only: routeHost };
      const query = { name, port: routePort, egress, problems: into.problems, ...only };
      add(into.routes, portRouteConfiguration(model, proxy, query));
    }
  }
  const port = httpProxyPort(model, proxy);
  if (port !== undefined) {
    add(into.listeners, httpProxyListener(model, proxy, port));
    if (sharesLoopback(proxy)) add(into.listeners, connectInsideListener(model, proxy));
    into.routes.set(
      httpProxyRoutes,
      httpProxyConfiguration(model, proxy, { egress: imported, port, problems: into.problems }),
    );
  }
}

function compileSidecar(model: MeshModel, proxy: Proxy, into: ResourceCollector): void {
  compileOutbound(model, proxy, into);
  if (sharesLoopback(proxy)) {
    for (const inbound of proxy.inbound ?? []) {
      attempt(into.problems, proxyObject, () =>
        add(into.listeners, localInboundListener(model, proxy, inbound)),
      );
    }
  } else {
    attempt(into.problems, proxyObject, () => add(into.listeners, ...ingressListeners(model, proxy)));
    if (proxy.interception === 'none') return;
    add(into.listeners, virtualOutbound(model, proxy), virtualInbound(model, proxy));
  }
}

/**
 * Everything that a proxy gets from a model. Never throws for what users wrote: an object that can't be compiled is
 * left out and reported.
 */
export function compileProxy(model: MeshModel, proxy: Proxy): ProxyResources {
  const into: ResourceCollector = {
    clusters: new Map(),
    endpoints: new Map(),
    listeners: new Map(),
    routes: new Map(),
    problems: [...model.problems],
  };
  compileServiceClusters(model, proxy, into);
  compileFixedClusters(model, proxy, into);
  if (proxy.type === 'router') compileGateways(model, proxy, into);
  else compileSidecar(model, proxy, into);
  applyEnvoyFilters(model, proxy, into);
  into.problems.push(...policyProblems(model, proxy));
  const seen = new Set<string>();
  const problems = into.problems.filter(({ object, message }) => {
    const key = `${object} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
  return { ...into, problems };
}

/** Endpoints alone, for clusters that a proxy already has; names that mean no EDS cluster are left out. */
export function compileEndpoints(
  model: MeshModel,
  proxy: Proxy,
  clusterNames: Iterable<string>,
): ReadonlyMap<string, ClusterLoadAssignment> {
  const services = model.scope(proxy).services;
  const found = new Map<string, ClusterLoadAssignment>();
  for (const name of clusterNames) {
    const [direction, port, subset = '', host = ''] = name.split('|');
    const service = direction === 'outbound' ? services.get(host) : undefined;
    const servicePort = service?.ports.find(({ number }) => number === Number(port));
    if (!service || !servicePort) continue;
    const rule = model.destinationRules.find(proxy, service);
    const target = outboundTargets(service, servicePort, rule).find((one) => one.subset === subset);
    if (target) found.set(name, assignmentOf(model, proxy, target));
  }
  return found;
}
