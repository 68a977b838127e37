import type { Socket } from 'node:net';
import type { envoy_config_cluster_v3_Cluster, envoy_config_core_v3_Metadata } from '@lateen/protos';
import type { Endpoint } from '../connection.ts';

/** One endpoint of a cluster. Identity is stable over updates that keep its address. */
export interface UpstreamHost {
  readonly endpoint: Endpoint;
  /** `IP:PORT` or the path: what `%UPSTREAM_HOST%` prints. */
  readonly label: string;
  /** DNS name for `auto_host_rewrite`; empty without. */
  readonly hostname: string;
  readonly metadata: envoy_config_core_v3_Metadata | undefined;
  readonly weight: number;
  /** Requests under way, for least-request balancing; kept by the pools. */
  activeRequests: number;
  /** Aborts when the cluster has no such host any more: its pooled connections close once they carry nothing. */
  readonly gone?: AbortSignal;
}

/** What a balancer may look at. */
export interface BalancingContext {
  readonly hash: number | undefined;
  /** Hosts to avoid (retries); taken anyway when no other is left. */
  readonly avoid: ReadonlySet<UpstreamHost> | undefined;
  /** Original destination of the connection, for ORIGINAL_DST clusters. */
  readonly destination: Endpoint | undefined;
  /** Host and port of the request, for dynamic forward proxy clusters. */
  readonly authority: string | undefined;
}

/** Limits of Envoy's `circuit_breakers` default threshold, with the counts under way. */
export interface CircuitBreakers {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  connections: number;
  pendingRequests: number;
  requests: number;
  retries: number;
}

/** Why no connection came to be: feeds response flags and details. */
export class ConnectFailure extends Error {
  readonly reason: 'timeout' | 'refused' | 'tls' | 'unreachable';

  constructor(reason: ConnectFailure['reason'], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/**
 * How a request or connection on a host ended, for outlier detection: the HTTP status, or what went wrong before one
 * came. Only what the host did counts; a client that went away is not reported.
 */
export type HostOutcome = number | 'connect-failure' | 'timeout' | 'reset';

/** A connected, TLS-verified socket to a host. Paused. */
export interface UpstreamConnection {
  readonly socket: Socket;
  readonly host: UpstreamHost;
  /** Negotiated protocol; empty without. */
  readonly applicationProtocol: string;
  readonly localAddress: string;
}

/** A warmed cluster. Lives until removed from the store; updates change it in place, pools drain by `closed`. */
export interface UpstreamCluster {
  readonly name: string;
  readonly config: envoy_config_cluster_v3_Cluster;
  readonly connectTimeoutMs: number;
  readonly breakers: CircuitBreakers;
  /** Idle time after which a pooled connection is closed; `undefined`: never. Milliseconds. */
  readonly idleTimeoutMs: number | undefined;
  /** Requests on one connection before it is closed; 0: no limit. */
  readonly maxRequestsPerConnection: number;
  /** Aborts when the cluster is removed or replaced: pooled connections finish what they carry and close. */
  readonly closed: AbortSignal;
  /** Resolves names where the cluster does (dynamic forward proxy); otherwise at once. `undefined`: no healthy host. */
  chooseHost(context: BalancingContext): UpstreamHost | undefined | Promise<UpstreamHost | undefined>;
  /** Connects with the host's transport (raw or TLS with SNI, certificate, SAN check). @throws ConnectFailure */
  connect(host: UpstreamHost): Promise<UpstreamConnection>;
  /** Tells outlier detection how a host did. Cheap; called once per try. */
  report(host: UpstreamHost, outcome: HostOutcome): void;
}

/** The clusters of the newest configuration. */
export interface ClusterSource {
  get(name: string): UpstreamCluster | undefined;
}
