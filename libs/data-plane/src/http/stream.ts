import type { HeaderList, RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import type { RouteDecision, RouteRequest } from '@lateen/routing-engine';
import type { Timer } from '@lateen/runtime';
import type { ConnectionInfo } from '../connection.ts';
import { filterDisabled, type HttpFilter, type LocalReply } from '../http-filters/filter.ts';
import { responseFlag } from '../reporting/response-flags.ts';
import type { StreamRecord } from '../reporting/stream-record.ts';
import { streamOperator } from '../reporting/stream-operator.ts';
import { Forwarder, type RoutedStream } from '../router/forwarder.ts';
import { streamDurationMs } from '../router/timeouts.ts';
import type { Downstream } from './downstream.ts';
import { buildLocalReply } from './local-reply.ts';
import type { Manager } from './manager.ts';
import { applyResponseRules } from './response-rules.ts';

/** Body bytes that wait for the filters before the client is told to hold on. */
const heldLimitBytes = 64 * 1024;
const noRoute: RouteDecision = { kind: 'no-route', virtualHost: undefined };

/**
 * One request and its response: filters in order, route, forwarding or local reply, timers, and the one report at the
 * end. Whatever goes wrong inside becomes a local reply or a reset of this stream alone.
 */
export class HttpStream implements RoutedStream, RouteRequest {
  readonly connection: ConnectionInfo;
  readonly requestHeaders: RequestHeaders;
  readonly record: StreamRecord;
  readonly upgrade: string;
  responseHeaders: ResponseHeaders | undefined;
  hasBody = false;
  /** The response is complete or given up; nothing more is sent. */
  over = false;
  requestComplete = false;
  responseStarted = false;
  readonly #manager: Manager;
  readonly #downstream: Downstream;
  #decision: RouteDecision | undefined;
  #filterIndex = 0;
  #forwarder: Forwarder | undefined;
  #routed = false;
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  #paused = false;
  #trailers: HeaderList | undefined;
  #metadata: Map<string, unknown> | undefined;
  #notes: Map<HttpFilter, unknown> | undefined;
  #requestTimer: Timer | undefined;
  #durationTimer: Timer | undefined;
  #durationMs: number | undefined;
  #reported = false;
  #failed = false;

  constructor(
    manager: Manager,
    downstream: Downstream,
    request: { headers: RequestHeaders; record: StreamRecord; upgrade: string },
  ) {
    this.#manager = manager;
    this.#downstream = downstream;
    this.connection = downstream.info;
    this.requestHeaders = request.headers;
    this.record = request.record;
    this.upgrade = request.upgrade;
    manager.reporter.streamBegun();
  }

  // What routing looks at (RouteRequest): always the headers as they are now.
  get authority(): string {
    return this.requestHeaders.authority;
  }
  get path(): string {
    return this.requestHeaders.path;
  }
  get method(): string {
    return this.requestHeaders.method;
  }
  get scheme(): 'http' | 'https' {
    return this.requestHeaders.scheme;
  }
  get headers(): RequestHeaders {
    return this.requestHeaders;
  }
  get listenerPort(): number {
    return this.connection.local.port;
  }
  get peerCertificate(): 'none' | 'presented' | 'validated' {
    return this.connection.peer ? 'validated' : 'none';
  }
  random(): number {
    return this.#manager.random();
  }
  get routeRequest(): RouteRequest {
    return this;
  }

  /** Runs the filters and, when they let it pass, forwards. `end`: the request has no body. */
  begin(end: boolean): void {
    this.hasBody = !end;
    this.requestComplete = end;
    const { settings, clock } = this.#manager;
    if (end) this.record.requestEndAt = this.record.begunAt;
    else if (settings.requestTimeoutMs !== undefined && this.upgrade === '') {
      this.#requestTimer = clock.after(settings.requestTimeoutMs, () => this.#requestTimedOut());
    }
    this.#limitDuration(settings.maxStreamDurationMs);
    this.#guard(() => this.#runFilters());
  }

  route(): RouteDecision {
    if (this.#decision) return this.#decision;
    const decision = (this.#decision = this.#manager.routes.current?.decide(this) ?? noRoute);
    const { record } = this;
    record.virtualHost = decision.virtualHost ?? '';
    if (decision.kind === 'forward') {
      record.routeName = decision.route.name;
      if (this.#manager.router.clusters.get(decision.cluster)) record.cluster = decision.cluster;
      this.#limitDuration(
        streamDurationMs(decision.route, this.requestHeaders, this.#manager.settings.maxStreamDurationMs),
      );
    } else if (decision.kind !== 'no-route') record.routeName = decision.routeName;
    return decision;
  }

  clearRoute(): void {
    this.#decision = undefined;
  }

  routeConfig(filter: string): unknown {
    const decision = this.route();
    return decision.kind === 'forward' || decision.kind === 'direct'
      ? decision.filterConfig.get(filter)
      : undefined;
  }

  metadata(filter: string): unknown {
    return this.#metadata?.get(filter);
  }

  setMetadata(filter: string, value: unknown): void {
    (this.#metadata ??= new Map()).set(filter, value);
  }

  note(filter: HttpFilter): unknown {
    return this.#notes?.get(filter);
  }

  setNote(filter: HttpFilter, value: unknown): void {
    (this.#notes ??= new Map()).set(filter, value);
  }

  operator(name: string, argument: string | undefined): string | undefined {
    return streamOperator(this, name, argument);
  }

  proceed(): void {
    if (this.over || this.#routed) return;
    this.#filterIndex += 1;
    this.#guard(() => this.#runFilters());
  }

  /** Body bytes from the client. */
  onRequestData(bytes: Buffer): void {
    if (this.over) return;
    this.record.bytesReceived += bytes.length;
    if (this.#routed) {
      this.#forwarder?.onRequestData(bytes);
      return;
    }
    (this.#held ??= []).push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > heldLimitBytes && !this.#paused) {
      this.#paused = true;
      this.#downstream.pauseRequest();
    }
  }

  onRequestEnd(trailers: HeaderList | undefined): void {
    if (this.requestComplete) return;
    this.requestComplete = true;
    this.record.requestEndAt = this.#manager.clock.monotonic();
    this.#requestTimer?.cancel();
    if (this.over) return;
    if (this.#routed) this.#forwarder?.onRequestEnd(trailers);
    else this.#trailers = trailers;
  }

  onWritable(): void {
    this.#forwarder?.onWritable();
  }

  /** The client is gone. */
  onDownstreamClosed(details = 'downstream_remote_disconnect'): void {
    if (this.over) return;
    this.record.flag(responseFlag.downstreamConnectionTermination);
    if (this.record.details === '' || !this.responseStarted) this.record.details = details;
    this.#finish();
  }

  /** The client broke the protocol in the request's body. */
  onProtocolError(details: string, message: string): void {
    if (this.over) return;
    this.record.flag(responseFlag.downstreamProtocolError);
    if (!this.responseStarted) return this.reply({ status: 400, body: '', details });
    this.record.details = details;
    this.record.terminationDetails = message;
    this.#downstream.reset();
    this.#finish();
  }

  /** Nothing moved for too long. */
  onIdle(): void {
    if (this.over) return;
    this.#expire('stream timeout', 'stream_idle_timeout', responseFlag.streamIdleTimeout);
  }

  reply(reply: LocalReply): void {
    if (this.over) return;
    if (this.responseStarted) return this.breakOff(reply.details, reply.flags ?? 0);
    this.record.flag(reply.flags ?? 0);
    this.record.details = reply.details;
    this.#routed = true;
    const built = buildLocalReply(reply, this.requestHeaders);
    const { headers } = built;
    this.responseHeaders = headers;
    this.#manager.mapLocalReply?.(this, built);
    const { body } = built;
    if (!this.requestComplete) this.#downstream.closeAfter();
    const bodiless = this.requestHeaders.method === 'HEAD' || body.length === 0;
    this.respond(headers, { end: bodiless, tunnel: false });
    if (!bodiless) this.respondData(body);
    this.respondEnd(undefined);
  }

  /** Answers a request that never reaches the filters. */
  refuse(reply: LocalReply): void {
    this.#filterIndex = -1;
    this.reply(reply);
  }

  respondInformational(headers: ResponseHeaders): void {
    if (this.#manager.settings.proxy100Continue && !this.over) this.#downstream.sendInformational(headers);
  }

  respond(headers: ResponseHeaders, options: { end: boolean; tunnel: boolean }): void {
    if (this.over) return;
    this.responseHeaders = headers;
    try {
      if (!this.#failed) this.#runResponseFilters(headers);
    } catch (error) {
      return this.fail(error);
    }
    applyResponseRules(headers, this.requestHeaders, this.#manager, options.tunnel);
    this.responseStarted = true;
    this.record.responseHeadAt = this.#manager.clock.monotonic();
    this.#downstream.sendHead(headers, options);
  }

  /** The one rescue: what is thrown inside a stream ends this stream, with 500 if nothing was answered yet. */
  fail(error: unknown): void {
    this.#manager.logger.error(
      { err: error, path: this.requestHeaders.path },
      'a request failed inside the proxy',
    );
    this.#forwarder?.cancel();
    this.#failed = true;
    this.reply({ status: 500, body: '', details: 'internal_error', flags: responseFlag.localReset });
  }

  respondData(bytes: Buffer): boolean {
    if (this.over) return true;
    this.record.bytesSent += bytes.length;
    return this.#downstream.sendData(bytes);
  }

  respondEnd(trailers: HeaderList | undefined): void {
    if (this.over) return;
    this.#downstream.sendEnd(trailers);
    this.#finish();
  }

  breakOff(details: string, flags: number): void {
    if (this.over) return;
    this.record.flag(flags);
    this.record.details = details;
    this.#downstream.reset();
    this.#finish();
  }

  pauseRequest(): void {
    this.#downstream.pauseRequest();
  }

  resumeRequest(): void {
    this.#downstream.resumeRequest();
  }

  /** A route may turn a filter off. */
  #enabled(filter: HttpFilter): boolean {
    return this.routeConfig(filter.name) !== filterDisabled;
  }

  #runFilters(): void {
    const { filters } = this.#manager;
    for (; this.#filterIndex < filters.length; this.#filterIndex += 1) {
      const filter = filters[this.#filterIndex]!;
      if (!filter.onRequest || !this.#enabled(filter)) continue;
      const verdict = filter.onRequest(this);
      if (verdict !== 'continue' || this.over) return;
    }
    this.#forward();
  }

  #forward(): void {
    this.#routed = true;
    const decision = this.route();
    switch (decision.kind) {
      case 'no-route':
        return this.reply({
          status: 404,
          body: '',
          details: 'route_not_found',
          flags: responseFlag.noRouteFound,
        });
      case 'redirect':
        return this.reply({
          status: decision.status,
          body: '',
          details: 'direct_response',
          edit: (headers) => {
            headers.set('location', decision.location);
            for (const rules of decision.responseHeaders) rules.apply(headers, this);
          },
        });
      case 'direct':
        return this.reply({
          status: decision.status,
          body: decision.body,
          details: 'direct_response',
          edit: (headers) => {
            for (const rules of decision.responseHeaders) rules.apply(headers, this);
          },
        });
      case 'forward':
        return this.#forwardTo(decision);
    }
  }

  #forwardTo(decision: Extract<RouteDecision, { kind: 'forward' }>): void {
    if (this.upgrade !== '' && !this.#upgradeAllowed(decision.route.upgrades)) {
      const edit = (headers: ResponseHeaders): void => {
        for (const rules of decision.responseHeaders) rules.apply(headers, this);
      };
      return this.reply({ status: 403, body: '', details: 'upgrade_failed', edit });
    }
    const { router } = this.#manager;
    const cluster = router.clusters.get(decision.cluster);
    if (!cluster) {
      const status = decision.route.clusterNotFoundStatus;
      return this.reply({
        status,
        body: '',
        details: 'cluster_not_found',
        flags: responseFlag.noClusterFound,
      });
    }
    if (decision.route.idleTimeoutMs !== undefined)
      this.#downstream.setIdleTimeout(decision.route.idleTimeoutMs || undefined);
    const forwarder = (this.#forwarder = new Forwarder(this, decision, cluster, router));
    const bodyless = this.requestComplete && this.#held === undefined && this.#trailers === undefined;
    forwarder.start(bodyless);
    if (bodyless) return;
    const held = this.#held;
    this.#held = undefined;
    if (held) for (const bytes of held) forwarder.onRequestData(bytes);
    if (this.requestComplete) forwarder.onRequestEnd(this.#trailers);
    if (this.#paused) {
      this.#paused = false;
      this.#downstream.resumeRequest();
    }
  }

  #upgradeAllowed(ofRoute: ReadonlyMap<string, { readonly enabled: boolean }>): boolean {
    const type = this.upgrade.toLowerCase();
    return ofRoute.get(type)?.enabled ?? this.#manager.settings.upgrades.get(type) ?? false;
  }

  #requestTimedOut(): void {
    this.#expire('request timeout', 'request_overall_timeout', 0);
  }

  /** The stream ends at the latest `durationMs` from now; the route's limit takes the place of the manager's. */
  #limitDuration(durationMs: number | undefined): void {
    if (durationMs === this.#durationMs) return;
    this.#durationMs = durationMs;
    this.#durationTimer?.cancel();
    this.#durationTimer =
      durationMs === undefined
        ? undefined
        : this.#manager.clock.after(durationMs, () => this.#durationReached());
  }

  #durationReached(): void {
    this.#expire('downstream duration timeout', 'max_duration_timeout', responseFlag.durationTimeout);
  }

  #expire(body: string, details: string, flags: number): void {
    if (this.responseStarted) return this.breakOff(details, flags);
    this.reply({ status: this.requestComplete ? 504 : 408, body, details, flags });
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }

  #runResponseFilters(headers: ResponseHeaders): void {
    const { filters } = this.#manager;
    for (let index = Math.min(this.#filterIndex, filters.length - 1); index >= 0; index -= 1) {
      const filter = filters[index]!;
      if (filter.onResponse && this.#enabled(filter)) filter.onResponse(this, headers);
    }
  }

  #finish(): void {
    if (this.over) return;
    this.over = true;
    this.#requestTimer?.cancel();
    this.#durationTimer?.cancel();
    this.#held = undefined;
    this.record.endAt = this.#manager.clock.monotonic();
    this.#forwarder?.cancel();
    this.#report();
    this.#downstream.streamOver();
  }

  #report(): void {
    if (this.#reported) return;
    this.#reported = true;
    const { filters } = this.#manager;
    try {
      for (let index = Math.min(this.#filterIndex, filters.length - 1); index >= 0; index -= 1) {
        filters[index]!.onComplete?.(this);
      }
      this.#manager.reporter.report(this);
    } catch (error) {
      this.#manager.logger.error({ err: error }, 'a stream could not be reported');
    }
  }
}
