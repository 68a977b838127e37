import type {
  envoy_config_cluster_v3_Cluster as Cluster,
  envoy_config_endpoint_v3_ClusterLoadAssignment as ClusterLoadAssignment,
  envoy_config_listener_v3_Listener as Listener,
  envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
} from '@lateen/protos';
import type { CompileProblem } from './model/problem.ts';

/** A proxy's resources while they are gathered. */
export interface ResourceCollector {
  readonly clusters: Map<string, Cluster>;
  readonly endpoints: Map<string, ClusterLoadAssignment>;
  readonly listeners: Map<string, Listener>;
  readonly routes: Map<string, RouteConfiguration>;
  readonly problems: CompileProblem[];
}
