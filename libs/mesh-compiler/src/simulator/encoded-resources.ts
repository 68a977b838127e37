import {
  decode,
  encode,
  type envoy_config_cluster_v3_Cluster as Cluster,
  type envoy_config_endpoint_v3_ClusterLoadAssignment as ClusterLoadAssignment,
  type envoy_config_listener_v3_Listener as Listener,
  type envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
} from '@lateen/protos';
import type { ProxyResources } from '../compile-proxy.ts';

const cluster = 'envoy.config.cluster.v3.Cluster';
const assignment = 'envoy.config.endpoint.v3.ClusterLoadAssignment';
const listener = 'envoy.config.listener.v3.Listener';
const routeConfiguration = 'envoy.config.route.v3.RouteConfiguration';

/** What a proxy receives: the bytes of each resource, by type. */
export interface EncodedResources {
  readonly clusters: readonly Uint8Array[];
  readonly endpoints: readonly Uint8Array[];
  readonly listeners: readonly Uint8Array[];
  readonly routes: readonly Uint8Array[];
}

/** Resources as a proxy decodes them, by name. */
export interface ReceivedResources {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly endpoints: ReadonlyMap<string, ClusterLoadAssignment>;
  readonly listeners: readonly Listener[];
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
}

/** The bytes that pilot would send of what was compiled. */
export function encodeResources(resources: ProxyResources): EncodedResources {
  return {
    clusters: [...resources.clusters.values()].map((one) => encode(cluster, one)),
    endpoints: [...resources.endpoints.values()].map((one) => encode(assignment, one)),
    listeners: [...resources.listeners.values()].map((one) => encode(listener, one)),
    routes: [...resources.routes.values()].map((one) => encode(routeConfiguration, one)),
  };
}

function byName<T>(
  decoded: readonly T[],
  nameOf: (resource: T) => string | undefined,
): ReadonlyMap<string, T> {
  return new Map(decoded.map((resource) => [nameOf(resource) ?? '', resource]));
}

/** Resources of their bytes. @throws Error for bytes that are no message of the type */
export function decodeResources(encoded: EncodedResources): ReceivedResources {
  return {
    clusters: byName(
      encoded.clusters.map((bytes) => decode(cluster, bytes)),
      ({ name }) => name,
    ),
    endpoints: byName(
      encoded.endpoints.map((bytes) => decode(assignment, bytes)),
      ({ clusterName }) => clusterName,
    ),
    listeners: encoded.listeners.map((bytes) => decode(listener, bytes)),
    routes: byName(
      encoded.routes.map((bytes) => decode(routeConfiguration, bytes)),
      ({ name }) => name,
    ),
  };
}
