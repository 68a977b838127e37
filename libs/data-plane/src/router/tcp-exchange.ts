import { ResponseHeaders } from '@lateen/http-wire';
import type { UpstreamCluster, UpstreamConnection, UpstreamHost } from '../cluster/cluster.ts';
import type { Exchange, PoolTicket, PoolWaiter } from '../connection-pool/exchange.ts';
import { resetOf } from '../connection-pool/http1.ts';
import { Outbox } from '../http/outbox.ts';

/**
 * CONNECT terminated here (RFC 9110 9.3.6): the exchange is a TCP connection of its own, the answer 200 once it stands,
 * and bytes pass both ways, half-closing included.
 */
class TcpExchange implements Exchange {
  readonly host: UpstreamHost;
  readonly localAddress: string;
  readonly #socket;
  readonly #outbox: Outbox;
  readonly #release: () => void;
  #events: PoolWaiter | undefined;
  #error = '';

  constructor(upstream: UpstreamConnection, events: PoolWaiter, release: () => void) {
    this.host = upstream.host;
    this.localAddress = upstream.localAddress;
    this.#socket = upstream.socket;
    this.#events = events;
    this.#release = release;
    this.#outbox = new Outbox(this.#socket, { onFull() {}, onDrain: () => this.#events?.onDrain() });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes: Buffer) => this.#events?.onData(bytes));
    this.#socket.on('end', () => this.#finish()?.onEnd(undefined));
    this.#socket.on('error', (error) => void (this.#error = error.message));
    this.#socket.on('close', () => {
      const reset = {
        reason: 'connection termination',
        transportFailure: this.#error,
        stale: false,
      } as const;
      this.#finish()?.onReset(reset);
    });
  }

  send(): void {
    const headers = new ResponseHeaders();
    headers.status = 200;
    this.#events?.onHead(headers, false, true);
    this.#socket.resume();
  }

  data(bytes: Buffer): boolean {
    this.#outbox.add(bytes);
    return !this.#outbox.full;
  }

  end(): void {
    this.#outbox.flush();
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  abort(): void {
    this.#finish();
    this.#socket.destroy();
  }

  #finish(): PoolWaiter | undefined {
    const events = this.#events;
    this.#events = undefined;
    if (events) this.#release();
    return events;
  }
}

/** Opens a TCP connection for a CONNECT request within the cluster's connection limit. */
export function connectTcp(cluster: UpstreamCluster, host: UpstreamHost, waiter: PoolWaiter): PoolTicket {
  const { breakers } = cluster;
  let cancelled = false;
  if (breakers.connections >= breakers.maxConnections) {
    waiter.onPoolFailure({ reason: 'overflow', transportFailure: '', stale: false });
    return { cancel() {} };
  }
  breakers.connections += 1;
  const release = (): void => void (breakers.connections -= 1);
  cluster.connect(host).then(
    (upstream) => {
      if (!cancelled) return waiter.onReady(new TcpExchange(upstream, waiter, release));
      release();
      upstream.socket.destroy();
    },
    (error: unknown) => {
      release();
      if (!cancelled) waiter.onPoolFailure(resetOf(error));
    },
  );
  return { cancel: () => void (cancelled = true) };
}
