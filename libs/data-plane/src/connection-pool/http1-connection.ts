import {
  chunkedEnd,
  chunkHead,
  encodeRequestHead,
  type HeaderList,
  type Http1Response,
  type RequestHeaders,
  type ResponseHeaders,
  ResponseParser,
  type ResponseParserOptions,
  type ResponseSink,
} from '@lateen/http-wire';
import type { UpstreamConnection } from '../cluster/cluster.ts';
import { Outbox } from '../http/outbox.ts';
import type { Exchange, ExchangeEvents, ResetReason } from './exchange.ts';

/** What a pool is told by its connections. */
export interface ConnectionOwner {
  /** An exchange is over; `reusable`: the connection can take the next one. */
  onFree(connection: Http1UpstreamConnection, reusable: boolean): void;
  onClosed(connection: Http1UpstreamConnection): void;
}

const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/**
 * An HTTP/1.1 connection to an upstream host. It carries one exchange at a time and is free again only when request and
 * response are both complete; a byte that nobody asked for closes it.
 */
export class Http1UpstreamConnection implements Exchange, ResponseSink {
  readonly host;
  readonly localAddress: string;
  /** Exchanges begun. */
  exchanges = 0;
  /** Monotonic milliseconds since when it is free. */
  freeSince = 0;
  readonly #socket;
  readonly #owner: ConnectionOwner;
  readonly #parser: ResponseParser;
  readonly #outbox: Outbox;
  #events: ExchangeEvents | undefined;
  #requestDone = true;
  #responseDone = true;
  #answered = false;
  #keepAlive = true;
  #tunnel = false;
  #chunked = false;
  #raw = false;
  #closed = false;
  #error = '';

  constructor(upstream: UpstreamConnection, owner: ConnectionOwner, options: ResponseParserOptions) {
    this.host = upstream.host;
    this.localAddress = upstream.localAddress;
    const socket = (this.#socket = upstream.socket);
    this.#owner = owner;
    this.#parser = new ResponseParser(this, options);
    this.#outbox = new Outbox(socket, { onFull() {}, onDrain: () => this.#events?.onDrain() });
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('end', () => this.#ended());
    socket.on('error', (error) => void (this.#error = error.message));
    socket.on('close', () => this.#gone());
    socket.resume();
  }

  get open(): boolean {
    return !this.#closed && !this.#socket.destroyed;
  }

  /** Begins an exchange on a free connection. */
  attach(events: ExchangeEvents): void {
    this.#events = events;
    this.exchanges += 1;
    this.#requestDone = false;
    this.#responseDone = false;
    this.#answered = false;
    this.#keepAlive = true;
    this.#tunnel = false;
  }

  /** Closes a connection that carries nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#owner.onClosed(this);
  }

  send(headers: RequestHeaders, options: { end: boolean; raw: boolean }): void {
    this.#raw = options.raw;
    this.#parser.expect({ method: headers.method, upgrade: options.raw });
    let extra = '';
    this.#chunked = false;
    if (!options.raw && !headers.has('content-length')) {
      if (!options.end) {
        this.#chunked = true;
        extra = 'transfer-encoding: chunked\r\n';
      } else if (!bodiless.has(headers.method)) extra = 'content-length: 0\r\n';
    }
    this.#outbox.add(encodeRequestHead(headers, extra));
    if (!options.end) return;
    this.#requestDone = true;
    this.#outbox.flush();
  }

  data(bytes: Buffer): boolean {
    if (bytes.length > 0) {
      if (this.#chunked) this.#outbox.add(chunkHead(bytes.length));
      this.#outbox.add(bytes);
      if (this.#chunked) this.#outbox.add('\r\n');
    }
    return !this.#outbox.full;
  }

  end(trailers: HeaderList | undefined): void {
    if (this.#requestDone || this.#closed) return;
    this.#requestDone = true;
    if (this.#chunked) this.#outbox.add(chunkedEnd(trailers));
    this.#outbox.flush();
    if (this.#raw) this.#socket.end();
    this.#finish();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  abort(): void {
    if (this.#events === undefined) return;
    this.#events = undefined;
    this.#release(false);
  }

  onInformational(headers: ResponseHeaders): void {
    this.#answered = true;
    this.#events?.onInformational(headers);
  }

  onResponse(response: Http1Response): void {
    this.#answered = true;
    this.#keepAlive = response.keepAlive;
    this.#tunnel = response.tunnel;
    this.#events?.onHead(response.headers, response.framing === 'none', response.tunnel);
  }

  onData(bytes: Buffer): void {
    this.#events?.onData(bytes);
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#responseDone = true;
    this.#events?.onEnd(trailers);
  }

  #read(bytes: Buffer): void {
    if (this.#events === undefined) return this.close(); // nobody asked
    const taken = this.#parser.feed(bytes);
    if (this.#parser.state === 'failed') return this.#reset('protocol error', '');
    if (!this.#responseDone) return;
    if (taken < bytes.length) this.#keepAlive = false; // surplus bytes must not become the next answer
    this.#finish();
  }

  /** Frees the connection when both sides are complete; one that answered early is closed. */
  #finish(): void {
    if (!this.#responseDone || this.#events === undefined) return;
    this.#events = undefined;
    this.#release(this.#requestDone && this.#keepAlive && !this.#tunnel && this.open);
  }

  #release(reusable: boolean): void {
    if (!reusable && !this.#closed) {
      this.#closed = true;
      this.#socket.destroy();
      this.#owner.onFree(this, false);
      this.#owner.onClosed(this);
      return;
    }
    this.#owner.onFree(this, reusable);
  }

  #ended(): void {
    if (this.#events !== undefined && this.#parser.close()) return this.#finish();
    if (this.#events === undefined) return this.close();
    // A body that ends before its length is the server's fault, not the network's.
    this.#reset(this.#parser.state === 'body' ? 'protocol error' : 'connection termination', '');
  }

  #gone(): void {
    if (this.#closed) return;
    if (this.#events === undefined) return this.close();
    this.#reset('connection termination', this.#error);
  }

  #reset(reason: ResetReason, transportFailure: string): void {
    const events = this.#events;
    this.#events = undefined;
    const stale = this.exchanges > 1 && !this.#answered && reason === 'connection termination';
    this.#release(false);
    events?.onReset({ reason, transportFailure, stale });
  }
}
