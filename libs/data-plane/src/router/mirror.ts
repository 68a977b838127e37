import type { HeaderList, RequestHeaders } from '@lateen/http-wire';
import type { UpstreamCluster } from '../cluster/cluster.ts';
import type { Exchange, PoolTicket, PoolWaiter } from '../connection-pool/exchange.ts';
import type { Http1Pools } from '../connection-pool/http1.ts';
import { replayLimitBytes } from './request-body.ts';

/** `host-shadow`, port kept: what a mirrored request calls itself (Envoy). */
export function shadowAuthority(authority: string): string {
  const port = /:\d+$/.exec(authority)?.[0] ?? '';
  return `${authority.slice(0, authority.length - port.length)}-shadow${port}`;
}

/**
 * A copy of a request whose answer nobody waits for. It never holds the original up: when it can't follow, it is given
 * up. Its answer is read and dropped, so that the connection can be used again.
 */
export class Mirror implements PoolWaiter {
  readonly #headers: RequestHeaders;
  #exchange: Exchange | undefined;
  #ticket: PoolTicket | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #over = false;
  #full = false;

  constructor(headers: RequestHeaders) {
    this.#headers = headers;
  }

  /** Chooses a host and asks for a connection. */
  async start(cluster: UpstreamCluster, pools: Http1Pools): Promise<void> {
    const authority = this.#headers.authority;
    const context = { hash: undefined, avoid: undefined, destination: undefined, authority };
    const host = await cluster.chooseHost(context);
    if (!host || this.#over) {
      this.#over = true;
      return;
    }
    this.#ticket = pools.request(cluster, host, this);
  }

  data(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#exchange && !this.#full) {
      this.#full = !this.#exchange.data(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > replayLimitBytes) this.abort();
  }

  end(): void {
    this.#ended = true;
    if (this.#exchange && this.#waiting.length === 0) this.#exchange.end(undefined);
  }

  /** The original was given up by its client. */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = [];
    this.#ticket?.cancel();
    this.#exchange?.abort();
  }

  onReady(exchange: Exchange): void {
    if (this.#over) return exchange.abort();
    this.#exchange = exchange;
    const complete = this.#ended && this.#waiting.length === 0;
    exchange.send(this.#headers, { end: complete, raw: false });
    if (!complete) this.onDrain();
  }

  onDrain(): void {
    this.#full = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const bytes of waiting) this.data(bytes);
    if (this.#ended && this.#waiting.length === 0 && !this.#over) this.#exchange?.end(undefined);
  }

  onPoolFailure(): void {
    this.#over = true;
  }

  onReset(): void {
    this.#over = true;
  }

  onInformational(): void {}
  onHead(): void {}
  onData(): void {}

  onEnd(_trailers: HeaderList | undefined): void {
    this.#over = true;
  }
}
