import type { envoy_config_route_v3_RouteConfiguration, Json } from '@lateen/protos';
import type { RouteTable } from '@lateen/routing-engine';
import type { RpcClient } from '@lateen/rpc';
import type { Clock, Logger, MetricsRegistry, Random, Unsubscribe } from '@lateen/runtime';
import type { ClusterSource } from '../cluster/cluster.ts';

/** Who this proxy is, from the bootstrap's `node`. */
export interface NodeFacts {
  /** `sidecar~IP~NAME.NS~NS.svc.cluster.local` in a mesh; any text otherwise. */
  readonly id: string;
  readonly cluster: string;
  /** Metadata as JSON on an object without a prototype. */
  readonly metadata: { readonly [key: string]: Json };
}

/** A route table that changes; a `WatchValue` is one. `undefined` until the first RouteConfiguration arrived. */
export interface RouteSource {
  readonly current: RouteTable | undefined;
  subscribe(listener: (table: RouteTable | undefined) => void): Unsubscribe;
}

/** Takes finished access log lines of one file; bounded, never blocks, drops and counts when the disk is too slow. */
export interface AccessLogWriter {
  /** One line, its line break included. */
  write(line: string): void;
}

/** What filters may use of the proxy around them. One object for the whole data plane. */
export interface Surroundings {
  readonly clusters: ClusterSource;
  /** The named RouteConfiguration of RDS or `static_resources`. Asking for a name subscribes to it. */
  routes(name: string): RouteSource;
  /**
   * Compiles an inline route configuration with the registry's decoder of `typed_per_filter_config`, just as RDS
   * configurations are. @throws LateenError naming the field path
   */
  compileRoutes(config: envoy_config_route_v3_RouteConfiguration): RouteTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: MetricsRegistry;
  readonly logger: Logger;
  readonly node: NodeFacts;
  /** Writer for a path; the same path answers the same writer. `/dev/stdout` and `/dev/stderr` are the process' own. */
  accessLog(path: string): AccessLogWriter;
  /**
   * gRPC channel to a cluster's first endpoint with the cluster's TLS context, for calls that the proxy itself makes
   * (Mixer). Cached by cluster; follows rotation and endpoint changes. `undefined` while the cluster is unknown or
   * empty, so ask before each call and don't keep it.
   */
  rpc(cluster: string): RpcClient | undefined;
}
