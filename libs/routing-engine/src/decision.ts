import type { HeaderView } from '@lateen/matching';

/** What the engine may look at to choose a route. Built once per request by the connection manager. */
export interface RouteRequest {
  /** `:authority` or `Host`, as received, port included when the client sent one. */
  readonly authority: string;
  /** Request target's path with query, already normalised; empty for a CONNECT that names no path. */
  readonly path: string;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly headers: HeaderView;
  /** Port that the client meant, for port-less host matching. */
  readonly listenerPort: number;
  /** Client certificate state for `tls_context` matches. */
  readonly peerCertificate: 'none' | 'presented' | 'validated';
  /** Dynamic metadata by filter name, for metadata matches. */
  metadata(filter: string): unknown;
  /** In [0, 1): draws the weighted cluster and runtime fractions. One draw per use, seeded in tests. */
  random(): number;
}

/** Why a route was passed over; `explain` prints it, the data plane never asks for it. */
export interface RouteMiss {
  readonly route: string;
  readonly reason: string;
}

/** Values that header formatters and access logs may read when a header rule runs. */
export interface FormatContext {
  readonly requestHeaders: HeaderView;
  readonly responseHeaders: HeaderView | undefined;
  /** Answers Envoy's command operators that depend on the stream, as `DOWNSTREAM_REMOTE_ADDRESS`; `-` when unknown. */
  operator(name: string, argument: string | undefined): string | undefined;
}

/** Header edits of one level, compiled: removals first, then additions, as Envoy applies them. */
export interface HeaderRules {
  readonly empty: boolean;
  apply(headers: MutableHeaders, context: FormatContext): void;
}

/** The edits that header rules make. Names are compared without case. */
export interface MutableHeaders extends HeaderView {
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
}

/** A route's `max_stream_duration` (Envoy RouteAction.MaxStreamDuration). Milliseconds; 0: without limit. */
export interface StreamDuration {
  /** `undefined`: the connection manager's. */
  readonly maxMs: number | undefined;
  /** Bound of what a `grpc-timeout` header may ask for; `undefined`: the header is not looked at. */
  readonly grpcHeaderMaxMs: number | undefined;
  /** Taken off what the header asks for, so that the answer comes in the caller's time. */
  readonly grpcHeaderOffsetMs: number;
}

/** Retries as the router runs them. Times in milliseconds. */
export interface RetryPolicy {
  readonly on: ReadonlySet<string>;
  readonly retries: number;
  readonly perTryTimeoutMs: number | undefined;
  readonly retriableStatusCodes: ReadonlySet<number>;
  readonly retriableHeaders: (headers: HeaderView) => boolean;
  readonly baseIntervalMs: number;
  readonly maxIntervalMs: number;
  /** Hosts that were tried are avoided (`envoy.retry_host_predicates.previous_hosts`). */
  readonly avoidPreviousHosts: boolean;
  readonly hostSelectionAttempts: number;
}

/** Where a copy of the request goes. */
export interface MirrorPolicy {
  readonly cluster: string;
  /** Is this request mirrored? `draw` is in [0, 1). */
  applies(draw: number): boolean;
  /** Appends `-shadow` to the host. */
  readonly shadowHost: boolean;
}

/** What hashing asks of the stream when a policy makes up a cookie for a client that has none. */
export interface CookieMaker {
  /** Text that is the same for all requests of a connection, so that racing ones agree. */
  connectionText(): string;
  /** Takes a `Set-Cookie` value for the response. */
  offerCookie(setCookie: string): void;
}

/** Says that the request takes the host name of the endpoint that is chosen (`auto_host_rewrite`). */
export const autoHost: unique symbol = Symbol('auto host');

/** A route that forwards. Everything that doesn't depend on the request is compiled. */
export interface ForwardRoute {
  readonly name: string;
  /** Total time for the response; `undefined`: none. Milliseconds. */
  readonly timeoutMs: number | undefined;
  /** Overrides the connection manager's `stream_idle_timeout` when set; 0: none. Milliseconds. */
  readonly idleTimeoutMs: number | undefined;
  /** `undefined`: the `grpc-timeout` header is not obeyed; 0: it is, without a bound; else it is bounded. Milliseconds. */
  readonly maxGrpcTimeoutMs: number | undefined;
  /** Longest life of the whole stream, in place of the connection manager's; `undefined`: the manager's. */
  readonly maxStreamDuration: StreamDuration | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly mirrors: readonly MirrorPolicy[];
  /** Adds `x-envoy-attempt-count` upstream. */
  readonly includeAttemptCount: boolean;
  readonly clusterNotFoundStatus: number;
  readonly upgrades: ReadonlyMap<string, { readonly enabled: boolean; readonly connectTermination: boolean }>;
  /** Rewritten path (with query); the request's own when no rewrite applies. */
  rewritePath(request: RouteRequest): string;
  /** New host, `autoHost` for the chosen endpoint's host name, or `undefined` to keep it. */
  rewriteHost(request: RouteRequest): string | typeof autoHost | undefined;
  /** Hash for consistent balancers; `undefined` when no policy yields one. */
  hash(request: RouteRequest, remoteAddress: string, maker?: CookieMaker): number | undefined;
  readonly appendForwardedHost: boolean;
}

/** The engine's answer. Rules of all levels (cluster weight, route, virtual host, table) in the order to apply. */
export type RouteDecision =
  | { readonly kind: 'no-route'; readonly virtualHost: string | undefined }
  | {
      readonly kind: 'forward';
      readonly virtualHost: string;
      readonly route: ForwardRoute;
      readonly cluster: string;
      readonly requestHeaders: readonly HeaderRules[];
      readonly responseHeaders: readonly HeaderRules[];
      /** Filter config by filter name: the most specific of weighted cluster, route, virtual host. Decoded at compile. */
      readonly filterConfig: ReadonlyMap<string, unknown>;
    }
  | {
      readonly kind: 'redirect';
      readonly virtualHost: string;
      readonly routeName: string;
      readonly status: number;
      readonly location: string;
      readonly responseHeaders: readonly HeaderRules[];
    }
  | {
      readonly kind: 'direct';
      readonly virtualHost: string;
      readonly routeName: string;
      readonly status: number;
      readonly body: Uint8Array;
      readonly responseHeaders: readonly HeaderRules[];
      readonly filterConfig: ReadonlyMap<string, unknown>;
    };

/** A compiled RouteConfiguration. Immutable; swapped whole. */
export interface RouteTable {
  readonly name: string;
  decide(request: RouteRequest): RouteDecision;
  /** The decision and every route of the virtual host that was passed over, with the reason. */
  explain(request: RouteRequest): { decision: RouteDecision; misses: readonly RouteMiss[] };
  /** Clusters that the table can choose, for warming and for `validate_clusters`. */
  readonly clusters: ReadonlySet<string>;
}
