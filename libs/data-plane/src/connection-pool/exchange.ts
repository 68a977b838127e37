import type { HeaderList, RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import type { UpstreamHost } from '../cluster/cluster.ts';

/** How an exchange with an upstream ended before its time. Names are Envoy's reset reasons. */
export type ResetReason =
  | 'overflow'
  | 'connection timeout'
  | 'local connection failure'
  | 'remote connection failure'
  | 'connection termination'
  | 'protocol error'
  | 'remote reset';

/** An exchange that failed. */
export interface UpstreamReset {
  readonly reason: ResetReason;
  /** What the transport said, as `tls: …`; empty without. */
  readonly transportFailure: string;
  /**
   * The connection had served before and closed without a byte of an answer: most likely the server closed it while
   * our request was under way.
   */
  readonly stale: boolean;
}

/** Told what an upstream answers. After `onEnd` or `onReset` nothing more comes. */
export interface ExchangeEvents {
  onInformational(headers: ResponseHeaders): void;
  /** `tunnel`: raw bytes follow both ways. */
  onHead(headers: ResponseHeaders, end: boolean, tunnel: boolean): void;
  onData(bytes: Buffer): void;
  onEnd(trailers: HeaderList | undefined): void;
  onReset(reset: UpstreamReset): void;
  /** More of the request may be sent again. */
  onDrain(): void;
}

/** One request and its response on a connection to an upstream host. */
export interface Exchange {
  readonly host: UpstreamHost;
  readonly localAddress: string;
  /** Sends the head. `end`: no body follows. `raw`: what follows is sent as it is (upgrade, CONNECT). */
  send(headers: RequestHeaders, options: { end: boolean; raw: boolean }): void;
  /** Sends body bytes; `false`: wait for `onDrain`. */
  data(bytes: Buffer): boolean;
  end(trailers: HeaderList | undefined): void;
  /** Stops and resumes reading the response. */
  pause(): void;
  resume(): void;
  /** Gives the exchange up: its connection is closed, no event follows. */
  abort(): void;
}

/** Waits for an exchange. Exactly one call comes, unless cancelled. It may come before `request` returns. */
export interface PoolWaiter extends ExchangeEvents {
  onReady(exchange: Exchange): void;
  /** No exchange came to be. */
  onPoolFailure(reset: UpstreamReset): void;
}

/** Takes a waiter out of its queue. Idempotent; without effect once it was called. */
export interface PoolTicket {
  cancel(): void;
}

/** Ticket of a waiter that has been called already. */
export const usedTicket: PoolTicket = { cancel() {} };
