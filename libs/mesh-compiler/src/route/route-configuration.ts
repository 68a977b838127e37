import {
  enumOf,
  type envoy_config_route_v3_Route as Route,
  type envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
  type envoy_config_route_v3_VirtualHost as VirtualHost,
} from '@lateen/protos';
import { anyHostCluster, forwardProxyCluster, passthroughCluster } from '../cluster/cluster-name.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { CompileProblem } from '../model/problem.ts';
import { type Proxy, sharesLoopback } from '../model/proxy.ts';
import type { EgressListener } from '../model/sidecar-scope.ts';
import { connectRoute } from './connect-route.ts';
import { hostNames, meshHostRoutes, virtualHosts } from './virtual-host.ts';

const modes = enumOf('istio.mesh.v1alpha1.MeshConfig.OutboundTrafficPolicy.Mode');
const none = { seconds: 0, nanos: 0 };

function outboundMode(model: MeshModel, proxy: Proxy): number {
  const own = model.scope(proxy).sidecar?.spec.outboundTrafficPolicy;
  if (own) return own.mode ?? modes.REGISTRY_ONLY;
  return model.mesh.outboundTrafficPolicy?.mode ?? modes.ALLOW_ANY;
}

/** May the sidecar call hosts that the registry doesn't know? Its Sidecar says, or else the mesh. */
export function allowsAny(model: MeshModel, proxy: Proxy): boolean {
  return outboundMode(model, proxy) !== modes.REGISTRY_ONLY;
}

/** Are HTTP hosts that the registry doesn't know resolved by the sidecar? */
export function resolvesAny(model: MeshModel, proxy: Proxy): boolean {
  return outboundMode(model, proxy) === modes.ALLOW_ANY_DYNAMIC_DNS;
}

/** Virtual host of every other name: let through, or refused with 502. */
export function otherHosts(model: MeshModel, proxy: Proxy, options: { connect: boolean }): VirtualHost {
  const any = allowsAny(model, proxy);
  const name = any ? 'allow_any' : 'block_all';
  const cluster = sharesLoopback(proxy)
    ? forwardProxyCluster
    : resolvesAny(model, proxy)
      ? anyHostCluster
      : passthroughCluster;
  const route: Route = any
    ? { name, match: { prefix: '/' }, route: { cluster, timeout: none, maxGrpcTimeout: none } }
    : { name, match: { prefix: '/' }, directResponse: { status: 502 } };
  const connect: Route[] = options.connect
    ? [
        any
          ? connectRoute(name, { cluster })
          : { name, match: { connectMatcher: {} }, directResponse: { status: 502 } },
      ]
    : [];
  return { name, domains: ['*'], routes: [...connect, route], includeRequestAttemptCount: true };
}

/** The parts that all route configurations of a sidecar's outbound side share. */
export function outboundConfiguration(name: string, hosts: readonly VirtualHost[]): RouteConfiguration {
  return {
    name,
    virtualHosts: hosts,
    validateClusters: { value: false },
    maxDirectResponseBodySizeBytes: { value: 1_048_576 },
    ignorePortInHostMatching: true,
  };
}

/**
 * Route configuration of a sidecar's HTTP listener: all services of a port by name, or, where the listener is one
 * service's own, that service whatever the Host says.
 */
export function portRouteConfiguration(
  model: MeshModel,
  proxy: Proxy,
  query: {
    name: string;
    port: number;
    egress: EgressListener;
    /** Host of the one service. */
    only?: string;
    problems: CompileProblem[];
  },
): RouteConfiguration {
  const entries = meshHostRoutes({
    model,
    proxy,
    egress: query.egress,
    problems: query.problems,
    port: query.port,
    ...(query.only === undefined ? {} : { only: query.only }),
  });
  if (query.only !== undefined) {
    const own = entries.filter(({ host }) => host === query.only);
    return outboundConfiguration(
      query.name,
      virtualHosts(
        own.map(({ host, port, routes }) => ({ name: `${host}:${port}`, domains: ['*'], routes })),
      ),
    );
  }
  const hosts = virtualHosts(
    entries.map((entry) => ({
      name: `${entry.host}:${entry.port}`,
      domains: hostNames(entry, proxy.namespace, model.domainSuffix),
      routes: entry.routes,
    })),
  );
  return outboundConfiguration(query.name, [...hosts, otherHosts(model, proxy, { connect: false })]);
}
