import type { ResponseParserOptions } from '@lateen/http-wire';
import type { Clock, Timer } from '@lateen/runtime';
import { ConnectFailure, type UpstreamCluster, type UpstreamHost } from '../cluster/cluster.ts';
import { type PoolTicket, type PoolWaiter, type UpstreamReset, usedTicket } from './exchange.ts';
import { type ConnectionOwner, Http1UpstreamConnection } from './http1-connection.ts';

const overflow: UpstreamReset = { reason: 'overflow', transportFailure: '', stale: false };

interface Pending {
  readonly waiter: PoolWaiter;
  waiting: boolean;
}

/** What Envoy's logs say of a connect error. */
const connectErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
  ENOENT: 'No such file or directory',
};

function transportFailureOf(error: unknown): string {
  const cause = error instanceof ConnectFailure ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (Object.hasOwn(connectErrors, code)) return `delayed connect error: ${connectErrors[code]}`;
  return error instanceof Error ? error.message : String(error);
}

/** Reset that a failed connection attempt amounts to, in Envoy's words. */
export function resetOf(error: unknown): UpstreamReset {
  const failure = error instanceof ConnectFailure ? error : undefined;
  const reason = failure?.reason === 'timeout' ? 'connection timeout' : 'remote connection failure';
  const transportFailure = reason === 'connection timeout' ? '' : transportFailureOf(error);
  return { reason, transportFailure, stale: false };
}

/** Connections to one host: the last freed is taken first, so that surplus ones grow idle and close. */
class HostPool implements ConnectionOwner {
  readonly #cluster: UpstreamCluster;
  readonly #host: UpstreamHost;
  readonly #clock: Clock;
  readonly #parser: ResponseParserOptions;
  readonly #free: Http1UpstreamConnection[] = [];
  #pending: Pending[] = [];
  #connections = 0;
  #connecting = 0;
  #sweep: Timer | undefined;

  constructor(
    cluster: UpstreamCluster,
    host: UpstreamHost,
    options: { clock: Clock; parser: ResponseParserOptions },
  ) {
    this.#cluster = cluster;
    this.#host = host;
    this.#clock = options.clock;
    this.#parser = options.parser;
    cluster.closed.addEventListener('abort', () => this.#drain(), { once: true });
    host.gone?.addEventListener('abort', () => this.#drain(), { once: true });
  }

  /** Carries nothing and holds nothing. */
  get empty(): boolean {
    return this.#connections === 0 && this.#connecting === 0 && this.#pending.length === 0;
  }

  request(waiter: PoolWaiter): PoolTicket {
    const { breakers } = this.#cluster;
    for (let connection = this.#free.pop(); connection; connection = this.#free.pop()) {
      if (!connection.open) continue;
      if (breakers.requests >= breakers.maxRequests) {
        this.#free.push(connection);
        waiter.onPoolFailure(overflow);
        return usedTicket;
      }
      this.#assign(connection, waiter);
      return usedTicket;
    }
    if (
      breakers.pendingRequests >= breakers.maxPendingRequests ||
      breakers.requests >= breakers.maxRequests
    ) {
      waiter.onPoolFailure(overflow);
      return usedTicket;
    }
    const pending: Pending = { waiter, waiting: true };
    this.#pending.push(pending);
    breakers.pendingRequests += 1;
    // A pool without any connection opens one even beyond the limit, or its requests would wait for ever.
    if (breakers.connections < breakers.maxConnections || this.#connections + this.#connecting === 0)
      this.#connect();
    return {
      cancel: () => {
        if (!pending.waiting) return;
        this.#pending = this.#pending.filter((other) => other !== pending);
        this.#unqueue(pending);
      },
    };
  }

  onFree(connection: Http1UpstreamConnection, reusable: boolean): void {
    const { breakers, maxRequestsPerConnection, closed } = this.#cluster;
    breakers.requests -= 1;
    this.#host.activeRequests -= 1;
    if (!reusable) return;
    if (
      closed.aborted ||
      this.#host.gone?.aborted ||
      (maxRequestsPerConnection > 0 && connection.exchanges >= maxRequestsPerConnection)
    ) {
      return connection.close();
    }
    this.#offer(connection);
  }

  onClosed(connection: Http1UpstreamConnection): void {
    const index = this.#free.indexOf(connection);
    if (index >= 0) this.#free.splice(index, 1);
    this.#connections -= 1;
    this.#cluster.breakers.connections -= 1;
    this.#reconnect();
  }

  #assign(connection: Http1UpstreamConnection, waiter: PoolWaiter): void {
    this.#cluster.breakers.requests += 1;
    this.#host.activeRequests += 1;
    connection.attach(waiter);
    waiter.onReady(connection);
  }

  #unqueue(pending: Pending): void {
    pending.waiting = false;
    this.#cluster.breakers.pendingRequests -= 1;
  }

  #offer(connection: Http1UpstreamConnection): void {
    const next = this.#pending.shift();
    if (next) {
      this.#unqueue(next);
      return this.#assign(connection, next.waiter);
    }
    connection.freeSince = this.#clock.monotonic();
    this.#free.push(connection);
    this.#watchIdle();
  }

  #connect(): void {
    this.#connecting += 1;
    this.#cluster.breakers.connections += 1;
    this.#cluster.connect(this.#host).then(
      (upstream) => {
        this.#connecting -= 1;
        this.#connections += 1;
        const connection = new Http1UpstreamConnection(upstream, this, this.#parser);
        if (this.#cluster.closed.aborted && this.#pending.length === 0) return connection.close();
        this.#offer(connection);
      },
      (error: unknown) => {
        this.#connecting -= 1;
        this.#cluster.breakers.connections -= 1;
        const reset = resetOf(error);
        // As many attempts as requests that wait: one failure answers one request, the last attempt all that are left.
        const failed =
          this.#connecting + this.#connections === 0 ? this.#pending.splice(0) : this.#pending.splice(0, 1);
        for (const pending of failed) {
          this.#unqueue(pending);
          pending.waiter.onPoolFailure(reset);
        }
      },
    );
  }

  /** A closed connection leaves room for those that wait. */
  #reconnect(): void {
    const { breakers } = this.#cluster;
    if (this.#pending.length <= this.#connecting) return;
    if (breakers.connections < breakers.maxConnections || this.#connections + this.#connecting === 0)
      this.#connect();
  }

  #watchIdle(): void {
    const { idleTimeoutMs } = this.#cluster;
    if (idleTimeoutMs === undefined || this.#sweep || this.#free.length === 0) return;
    const due = this.#free[0]!.freeSince + idleTimeoutMs - this.#clock.monotonic();
    this.#sweep = this.#clock.after(Math.max(1, due), () => {
      this.#sweep = undefined;
      const limit = this.#clock.monotonic() - idleTimeoutMs;
      for (const connection of this.#free.filter(({ freeSince }) => freeSince <= limit)) connection.close();
      this.#watchIdle();
    });
  }

  #drain(): void {
    this.#sweep?.cancel();
    for (const connection of this.#free.slice()) connection.close();
  }
}

/** HTTP/1.1 pools of all clusters, by cluster and host. */
export class Http1Pools {
  readonly #clock: Clock;
  readonly #parser: ResponseParserOptions;
  readonly #pools = new WeakMap<UpstreamCluster, WeakMap<UpstreamHost, HostPool>>();

  constructor(clock: Clock, parser: ResponseParserOptions = {}) {
    this.#clock = clock;
    this.#parser = parser;
  }

  /** Asks for an exchange with a host of a cluster. */
  request(cluster: UpstreamCluster, host: UpstreamHost, waiter: PoolWaiter): PoolTicket {
    let hosts = this.#pools.get(cluster);
    if (!hosts) this.#pools.set(cluster, (hosts = new WeakMap()));
    let pool = hosts.get(host);
    if (!pool)
      hosts.set(host, (pool = new HostPool(cluster, host, { clock: this.#clock, parser: this.#parser })));
    return pool.request(waiter);
  }
}
