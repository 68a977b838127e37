import type { HeaderList, RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import {
  autoHost,
  type CookieMaker,
  type ForwardRoute,
  type RetryPolicy,
  type RouteDecision,
  type RouteRequest,
} from '@lateen/routing-engine';
import type { Clock, Logger, Random, Timer } from '@lateen/runtime';
import { messageOf } from '@lateen/runtime';
import type { BalancingContext, ClusterSource, UpstreamCluster, UpstreamHost } from '../cluster/cluster.ts';
import {
  type Exchange,
  type PoolTicket,
  type PoolWaiter,
  type UpstreamReset,
  usedTicket,
} from '../connection-pool/exchange.ts';
import type { Http1Pools } from '../connection-pool/http1.ts';
import type { FilterStream } from '../http-filters/filter.ts';
import type { ClusterCounterIndex, ClusterCounters } from '../reporting/cluster-counters.ts';
import { responseFlag } from '../reporting/response-flags.ts';
import { Mirror, shadowAuthority } from './mirror.ts';
import { RequestBody, replayLimitBytes } from './request-body.ts';
import { retryDelay, type TryOutcome, takeRetryPolicy, wantsRetry } from './retry.ts';
import { connectTcp } from './tcp-exchange.ts';
import { takeTimeouts } from './timeouts.ts';
import { describeReset, upstreamFailure } from './upstream-failure.ts';

/** What the router uses of the data plane. One object for all streams of a connection manager. */
export interface RouterSurroundings {
  readonly clusters: ClusterSource;
  readonly pools: Http1Pools;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counters: ClusterCounterIndex;
  /** Leave `x-envoy-*` headers out (the router filter's `suppress_envoy_headers`). */
  readonly suppressEnvoyHeaders: boolean;
}

/** A stream as the router sees it. */
export interface RoutedStream extends FilterStream {
  responseHeaders: ResponseHeaders | undefined;
  readonly routeRequest: RouteRequest;
  /** Protocol asked for by Upgrade, or `CONNECT`; empty for plain requests. */
  readonly upgrade: string;
  respondInformational(headers: ResponseHeaders): void;
  respond(headers: ResponseHeaders, options: { end: boolean; tunnel: boolean }): void;
  /** `false`: hold back until `onWritable`. */
  respondData(bytes: Buffer): boolean;
  respondEnd(trailers: HeaderList | undefined): void;
  /** The response broke off after its head was sent. */
  breakOff(details: string, flags: number): void;
  /** Something was thrown: this stream ends, no other. */
  fail(error: unknown): void;
  pauseRequest(): void;
  resumeRequest(): void;
}

type Forward = Extract<RouteDecision, { kind: 'forward' }>;

/** Bytes of a request that wait for a connection before its client is told to hold on. */
const waitingLimitBytes = 64 * 1024;

/**
 * The terminal filter's work for one request that is forwarded: header rules, host, connection, tries, timeouts,
 * mirrors. One exchange at a time; what an abandoned exchange does is never heard of.
 */
export class Forwarder implements PoolWaiter, CookieMaker {
  readonly #stream: RoutedStream;
  readonly #around: RouterSurroundings;
  readonly #decision: Forward;
  readonly #route: ForwardRoute;
  readonly #headers: RequestHeaders;
  readonly #cluster: UpstreamCluster;
  readonly #counters: ClusterCounters;
  readonly #body: RequestBody;
  readonly #retry: RetryPolicy | undefined;
  readonly #autoHost: boolean;
  readonly #globalMs: number | undefined;
  readonly #perTryMs: number | undefined;
  readonly #hash: number | undefined;
  readonly #startedAt: number;
  #retriesLeft: number;
  #retrying = false;
  #tried: Set<UpstreamHost> | undefined;
  #host: UpstreamHost | undefined;
  #ticket: PoolTicket = usedTicket;
  #exchange: Exchange | undefined;
  #mirrors: Mirror[] | undefined;
  #cookies: string[] | undefined;
  #globalTimer: Timer | undefined;
  #tryTimer: Timer | undefined;
  #backOff: Timer | undefined;
  #requestPaused = false;
  #headSent = false;
  #responded = false;
  #discardEnd = false;
  #over = false;

  constructor(stream: RoutedStream, decision: Forward, cluster: UpstreamCluster, around: RouterSurroundings) {
    this.#stream = stream;
    this.#around = around;
    this.#decision = decision;
    this.#cluster = cluster;
    const route = (this.#route = decision.route);
    const headers = (this.#headers = stream.requestHeaders);
    this.#counters = around.counters.of(cluster);
    this.#startedAt = around.clock.monotonic();
    const { globalMs, perTryMs } = takeTimeouts(route, headers);
    if (around.suppressEnvoyHeaders) headers.delete('x-envoy-expected-rq-timeout-ms');
    this.#globalMs = globalMs;
    this.#perTryMs = perTryMs;
    this.#retry = takeRetryPolicy(route.retry, headers);
    for (const rules of decision.requestHeaders) if (!rules.empty) rules.apply(headers, stream);
    const { routeRequest } = stream;
    this.#hash = route.hash(routeRequest, stream.record.remoteAddress, this);
    const host = route.rewriteHost(routeRequest);
    const path = route.rewritePath(routeRequest);
    this.#autoHost = host === autoHost;
    if (typeof host === 'string') this.#rewriteHost(host);
    if (path !== headers.path) {
      if (!around.suppressEnvoyHeaders) headers.set('x-envoy-original-path', headers.path);
      headers.path = path;
    }
    this.#retriesLeft = stream.upgrade === '' ? (this.#retry?.retries ?? 0) : 0;
    this.#body = new RequestBody(this.#retriesLeft > 0);
  }

  /** Begins. `end`: the request has no body. */
  start(end: boolean): void {
    this.#body.complete = end;
    this.#counters.total.inc();
    this.#counters.active.add(1);
    this.#startMirrors();
    this.#try();
    if (end) this.#requestComplete();
  }

  onRequestData(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#mirrors) for (const mirror of this.#mirrors) mirror.data(bytes);
    if (!this.#exchange || this.#body.replayable) this.#body.add(bytes);
    if (this.#exchange) {
      if (!this.#exchange.data(bytes)) this.#pauseRequest();
      this.#body.taken();
    } else if (this.#body.bytes > (this.#body.replayable ? replayLimitBytes : waitingLimitBytes))
      this.#pauseRequest();
  }

  onRequestEnd(trailers: HeaderList | undefined): void {
    if (this.#over) return;
    this.#body.complete = true;
    this.#body.trailers = trailers;
    this.#exchange?.end(trailers);
    this.#requestComplete();
  }

  /** The client can take more of the response. */
  onWritable(): void {
    this.#exchange?.resume();
  }

  /** The stream is over: whatever is under way is given up. */
  cancel(): void {
    if (this.#over) return;
    if (!this.#exchange && this.#ticket !== usedTicket) this.#counters.cancelled.inc();
    this.#finish();
    this.#ticket.cancel();
    this.#exchange?.abort();
    if (this.#mirrors && !this.#body.complete) for (const mirror of this.#mirrors) mirror.abort();
  }

  onReady(exchange: Exchange): void {
    this.#ticket = usedTicket;
    this.#exchange = exchange;
    const { record, upgrade } = this.#stream;
    record.upstreamLocalAddress = exchange.localAddress;
    const body = this.#body;
    const raw = upgrade !== '';
    const end = body.complete && body.pieces.length === 0 && body.trailers === undefined && !raw;
    this.#headSent = true;
    exchange.send(this.#headers, { end, raw });
    if (!end && !raw) {
      let ready = true;
      for (const bytes of body.pieces) ready = exchange.data(bytes);
      body.taken();
      if (body.complete) exchange.end(body.trailers);
      else if (ready) this.#resumeRequest();
    }
    this.#stream.record.upstreamSentAt = this.#around.clock.monotonic();
    if (body.complete) this.#startTryTimer();
  }

  onPoolFailure(reset: UpstreamReset): void {
    this.#ticket = usedTicket;
    const overflow = reset.reason === 'overflow';
    if (overflow) {
      this.#counters.pendingOverflow.inc();
      this.#stream.record.upstreamHost = '';
    } else {
      this.#counters.connectFail.inc();
      if (this.#host) this.#cluster.report(this.#host, 'connect-failure');
    }
    this.#failed(reset);
  }

  onInformational(headers: ResponseHeaders): void {
    this.#stream.respondInformational(headers);
  }

  onHead(headers: ResponseHeaders, end: boolean, tunnel: boolean): void {
    try {
      this.#answered(headers, end, tunnel);
    } catch (error) {
      this.#stream.fail(error);
    }
  }

  #answered(headers: ResponseHeaders, end: boolean, tunnel: boolean): void {
    this.#tryTimer?.cancel();
    const { clock } = this.#around;
    const now = clock.monotonic();
    const { record } = this.#stream;
    record.upstreamFirstByteAt = now;
    const { status } = headers;
    this.#counters.byClass[Math.floor(status / 100)]?.inc();
    this.#cluster.report(this.#host!, status);
    if (this.#retry && this.#again({ kind: 'response', headers }, end && this.#body.complete)) return;
    if (this.#retrying && status < 500) this.#counters.retrySuccess.inc();
    this.#responded = true;
    this.#body.letGo();
    record.details = 'via_upstream';
    if (tunnel) {
      this.#globalTimer?.cancel();
      for (const bytes of this.#body.pieces) this.#exchange?.data(bytes);
      this.#body.taken();
    }
    if (!this.#around.suppressEnvoyHeaders && !tunnel) {
      headers.set('x-envoy-upstream-service-time', String(Math.max(0, Math.round(now - this.#startedAt))));
    }
    this.#stream.responseHeaders = headers;
    this.#applyResponseRules(headers);
    this.#stream.respond(headers, { end, tunnel });
  }

  onData(bytes: Buffer): void {
    if (this.#responded && !this.#stream.respondData(bytes)) this.#exchange?.pause();
  }

  onEnd(trailers: HeaderList | undefined): void {
    if (this.#discardEnd) {
      this.#discardEnd = false;
      return;
    }
    this.#exchange = undefined;
    this.#counters.completed.inc();
    this.#counters.timeMs.observe(this.#around.clock.monotonic() - this.#startedAt);
    this.#finish();
    this.#stream.respondEnd(trailers);
  }

  onReset(reset: UpstreamReset): void {
    this.#exchange = undefined;
    this.#cluster.report(this.#host!, 'reset');
    this.#failed(reset);
  }

  onDrain(): void {
    this.#resumeRequest();
  }

  #rewriteHost(host: string): void {
    const headers = this.#headers;
    if (headers.authority === host) return;
    if (this.#route.appendForwardedHost) headers.append('x-forwarded-host', headers.authority);
    if (!this.#around.suppressEnvoyHeaders) headers.set('x-envoy-original-host', headers.authority);
    headers.authority = host;
  }

  #applyResponseRules(headers: ResponseHeaders): void {
    const { responseHeaders } = this.#decision;
    if (this.#cookies) for (const cookie of this.#cookies) headers.append('set-cookie', cookie);
    for (const rules of responseHeaders) if (!rules.empty) rules.apply(headers, this.#stream);
  }

  connectionText(): string {
    const { local, remote } = this.#stream.connection;
    return `${remote.address}:${remote.port}${local.address}:${local.port}`;
  }

  offerCookie(setCookie: string): void {
    (this.#cookies ??= []).push(setCookie);
  }

  #startMirrors(): void {
    const { mirrors } = this.#route;
    if (mirrors.length === 0 || this.#stream.upgrade !== '') return;
    for (const policy of mirrors) {
      if (!policy.applies(this.#around.random())) continue;
      const cluster = this.#around.clusters.get(policy.cluster);
      if (!cluster) continue;
      const headers = this.#headers.clone();
      if (policy.shadowHost) headers.authority = shadowAuthority(headers.authority);
      const mirror = new Mirror(headers);
      (this.#mirrors ??= []).push(mirror);
      this.#around.counters.of(cluster).total.inc();
      if (this.#body.complete) mirror.end();
      mirror.start(cluster, this.#around.pools).catch((error: unknown) => {
        this.#around.logger.warn({ err: error, cluster: cluster.name }, 'a mirrored request failed');
      });
    }
  }

  #try(): void {
    this.#headSent = false;
    this.#stream.record.attempts += 1;
    if (this.#retrying && this.#globalMs !== undefined && this.#perTryMs === undefined) this.#tellTimeLeft();
    if (this.#route.includeAttemptCount) {
      this.#headers.set('x-envoy-attempt-count', String(this.#stream.record.attempts));
    }
    const context: BalancingContext = {
      hash: this.#hash,
      avoid: this.#retry?.avoidPreviousHosts ? this.#tried : undefined,
      destination: this.#stream.connection.local,
      authority: this.#headers.authority,
    };
    const host = this.#cluster.chooseHost(context);
    if (!(host instanceof Promise)) return this.#send(host);
    host.then(
      (found) => {
        try {
          if (!this.#over) this.#send(found);
        } catch (error) {
          this.#stream.fail(error);
        }
      },
      (error: unknown) => {
        this.#around.logger.warn({ err: error, cluster: this.#cluster.name }, 'no host could be chosen');
        if (this.#over) return;
        const transportFailure = messageOf(error);
        this.#failed({ reason: 'local connection failure', transportFailure, stale: false });
      },
    );
  }

  /** A later try has less time. */
  #tellTimeLeft(): void {
    if (this.#around.suppressEnvoyHeaders) return;
    const left = this.#globalMs! - (this.#around.clock.monotonic() - this.#startedAt);
    this.#headers.set('x-envoy-expected-rq-timeout-ms', String(Math.max(1, Math.round(left))));
  }

  #send(host: UpstreamHost | undefined): void {
    if (!host) {
      this.#end({
        status: 503,
        body: 'no healthy upstream',
        details: 'no_healthy_upstream',
        flags: responseFlag.noHealthyUpstream,
      });
      return;
    }
    this.#host = host;
    if (this.#retriesLeft > 0) (this.#tried ??= new Set()).add(host);
    const { record } = this.#stream;
    record.upstreamHost = host.label;
    record.upstreamHostname = host.hostname;
    if (this.#autoHost && host.hostname !== '') this.#rewriteHost(host.hostname);
    const tcp = this.#stream.upgrade === 'CONNECT' && this.#route.upgrades.get('connect')?.connectTermination;
    // A pool may answer before it returns; its ticket is used then.
    const ticket = tcp
      ? connectTcp(this.#cluster, host, this)
      : this.#around.pools.request(this.#cluster, host, this);
    if (!this.#exchange && !this.#over) this.#ticket = ticket;
  }

  #requestComplete(): void {
    if (this.#over) return;
    if (this.#mirrors) for (const mirror of this.#mirrors) mirror.end();
    if (this.#globalMs !== undefined) {
      this.#globalTimer = this.#around.clock.after(this.#globalMs, () => this.#timedOut());
    }
    if (this.#exchange) this.#startTryTimer();
  }

  #startTryTimer(): void {
    if (this.#perTryMs === undefined || this.#over || this.#responded || this.#tryTimer) return;
    this.#tryTimer = this.#around.clock.after(this.#perTryMs, () => {
      this.#tryTimer = undefined;
      this.#counters.perTryTimeout.inc();
      if (this.#host) this.#cluster.report(this.#host, 'timeout');
      if (this.#again({ kind: 'timeout' })) return;
      this.#timeoutReply('upstream_per_try_timeout');
    });
  }

  #timedOut(): void {
    this.#counters.timeout.inc();
    if (this.#host && this.#exchange) this.#cluster.report(this.#host, 'timeout');
    if (!this.#responded) return this.#timeoutReply('response_timeout');
    this.#abandon();
    this.#finish();
    this.#stream.breakOff('response_timeout', responseFlag.upstreamRequestTimeout);
  }

  #timeoutReply(details: string): void {
    this.#end({
      status: 504,
      body: 'upstream request timeout',
      details,
      flags: responseFlag.upstreamRequestTimeout,
    });
  }

  #failed(reset: UpstreamReset): void {
    this.#tryTimer?.cancel();
    this.#tryTimer = undefined;
    this.#stream.record.upstreamTransportFailure = reset.transportFailure;
    const method = this.#headers.method;
    if (!this.#responded && this.#again({ kind: 'reset', reset, method, headSent: this.#headSent })) return;
    const failure = upstreamFailure(reset, this.#stream.record.attempts);
    if (this.#responded) {
      this.#finish();
      this.#stream.breakOff(`upstream_reset_after_response_started{${describeReset(reset)}}`, failure.flags);
      return;
    }
    this.#end(failure);
  }

  /**
   * Starts another try after its back-off if policy, budget and breaker allow one. `ended`: the exchange ends by itself
   * now, so its connection is worth keeping.
   */
  #again(outcome: TryOutcome, ended = false): boolean {
    const policy = this.#retry;
    if (!policy || this.#over || this.#stream.upgrade !== '' || !wantsRetry(policy, outcome)) return false;
    if (this.#retriesLeft <= 0) {
      if (policy.retries > 0) {
        this.#stream.record.flag(responseFlag.upstreamRetryLimitExceeded);
        this.#counters.retryLimitExceeded.inc();
      }
      return false;
    }
    const { breakers } = this.#cluster;
    if (!this.#body.replayable) return false;
    if (!this.#retrying && breakers.retries >= breakers.maxRetries) {
      this.#stream.record.flag(responseFlag.upstreamOverflow);
      this.#counters.retryOverflow.inc();
      return false;
    }
    if (!this.#retrying) breakers.retries += 1;
    this.#retrying = true;
    this.#retriesLeft -= 1;
    this.#counters.retry.inc();
    if (ended) {
      this.#exchange = undefined;
      this.#discardEnd = true;
    } else this.#abandon();
    this.#tryTimer?.cancel();
    this.#tryTimer = undefined;
    const delay = retryDelay(policy, policy.retries - this.#retriesLeft, this.#around.random);
    this.#backOff = this.#around.clock.after(delay, () => {
      try {
        this.#try();
      } catch (error) {
        this.#stream.fail(error);
      }
    });
    return true;
  }

  #abandon(): void {
    this.#ticket.cancel();
    this.#ticket = usedTicket;
    this.#exchange?.abort();
    this.#exchange = undefined;
  }

  #end(reply: { status: number; body: string; details: string; flags: number }): void {
    this.#abandon();
    this.#finish();
    this.#stream.reply({
      ...reply,
      edit: (headers) => {
        const overloaded = (reply.flags & responseFlag.upstreamOverflow) !== 0;
        if (overloaded && !this.#around.suppressEnvoyHeaders) headers.set('x-envoy-overloaded', 'true');
        this.#applyResponseRules(headers);
      },
    });
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#globalTimer?.cancel();
    this.#tryTimer?.cancel();
    this.#backOff?.cancel();
    this.#counters.active.add(-1);
    if (this.#retrying) this.#cluster.breakers.retries -= 1;
  }

  #pauseRequest(): void {
    if (this.#requestPaused) return;
    this.#requestPaused = true;
    this.#stream.pauseRequest();
  }

  #resumeRequest(): void {
    if (!this.#requestPaused) return;
    this.#requestPaused = false;
    this.#stream.resumeRequest();
  }
}
