import type { Socket } from 'node:net';
import {
  chunkedEnd,
  chunkHead,
  encodeResponseHead,
  type HeaderList,
  type Http1Request,
  RequestHeaders,
  RequestParser,
  type RequestSink,
  ResponseHeaders,
  reasonOf,
  type WireFailure,
} from '@lateen/http-wire';
import type { Timer } from '@lateen/runtime';
import type { ConnectionInfo, DownstreamConnection } from '../connection.ts';
import type { LocalReply } from '../http-filters/filter.ts';
import { responseFlag } from '../reporting/response-flags.ts';
import { StreamRecord } from '../reporting/stream-record.ts';
import type { Downstream } from './downstream.ts';
import type { Manager } from './manager.ts';
import type { ManagerSlot } from './manager-slot.ts';
import { Outbox } from './outbox.ts';
import { admitRequest } from './request-admission.ts';
import { HttpStream } from './stream.ts';

/**
 * Protocol that a request may switch to; empty for plain requests. An upgrade with a body is none: its bytes could be
 * taken for the new protocol's. h2c upgrades are passed over, as Envoy does.
 */
function upgradeOf({ headers, upgrade, framing }: Http1Request): string {
  if (headers.method === 'CONNECT') return 'CONNECT';
  return upgrade === 'h2c' || framing !== 'none' ? '' : upgrade;
}

/** What Envoy's connection manager refuses, not its codec: no body, no flag. */
const judgedByManager = new Set(['missing_host_header', 'path_normalization_failed']);

const continueHead = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * A client's HTTP/1.1 connection: one stream at a time, in order. Bytes of a request that comes before the response to
 * the last one wait unread. After an error of framing nothing on the connection is believed any more.
 */
export class Http1Connection implements Downstream, RequestSink {
  readonly info: ConnectionInfo;
  /** Serves the request under way; the next one gets the newest. */
  #manager: Manager;
  readonly #slot: ManagerSlot;
  readonly #reporter: Manager['reporter'];
  readonly #socket: Socket;
  readonly #parser: RequestParser;
  readonly #outbox: Outbox;
  readonly #draining: AbortSignal;
  #stream: HttpStream | undefined;
  #mode: 'http' | 'switching' | 'tunnel' = 'http';
  #waiting: Buffer | undefined;
  #consuming = false;
  #requests = 0;
  #lastResponse = false;
  #requestMinor = 1;
  #requestMethod = 'GET';
  #chunked = false;
  #headSent = false;
  #closing = false;
  #closed = false;
  #activeAt: number;
  #streamIdleMs: number | undefined;
  #timer: Timer | undefined;
  #headTimer: Timer | undefined;
  #durationTimer: Timer | undefined;
  #closeTimer: Timer | undefined;

  constructor(connection: DownstreamConnection, slot: ManagerSlot) {
    const manager = slot.newest;
    const { settings, clock } = manager;
    this.info = connection.info;
    this.#manager = manager;
    this.#slot = slot;
    this.#reporter = manager.reporter;
    this.#draining = connection.draining;
    const socket = (this.#socket = connection.socket);
    this.#outbox = new Outbox(socket, { onFull() {}, onDrain: () => this.#stream?.onWritable() });
    this.#parser = new RequestParser(this, {
      limits: { maxHeadBytes: settings.maxHeadBytes, maxHeaders: settings.maxHeaders },
      keepCase: settings.keepCase,
      acceptHttp10: settings.acceptHttp10,
    });
    this.#activeAt = clock.monotonic();
    this.#streamIdleMs = settings.streamIdleTimeoutMs;
    manager.reporter.connectionOpened();
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('end', () => this.#ended());
    socket.on('error', () => {}); // 'close' follows and does what is to be done
    socket.on('close', () => this.#gone());
    this.#watch();
    if (settings.maxConnectionDurationMs !== undefined) {
      this.#durationTimer = clock.after(settings.maxConnectionDurationMs, () => this.#drain());
    }
    if (this.#draining.aborted) this.#drain();
    else this.#draining.addEventListener('abort', this.#drain, { once: true });
    socket.resume();
  }

  onRequest(request: Http1Request): void {
    this.#manager = this.#slot.newest;
    const { settings, clock } = this.#manager;
    const { headers } = request;
    this.#headTimer?.cancel();
    this.#headTimer = undefined;
    this.#requests += 1;
    this.#requestMinor = request.minor;
    this.#requestMethod = headers.method;
    this.#headSent = false;
    this.#chunked = false;
    this.#streamIdleMs = settings.streamIdleTimeoutMs;
    const most = settings.maxRequestsPerConnection;
    if (!request.keepAlive || this.#draining.aborted || (most > 0 && this.#requests >= most))
      this.#lastResponse = true;
    const upgrade = upgradeOf(request);
    const record = new StreamRecord(clock.now(), this.#activeAt);
    record.protocol = request.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    const stream = (this.#stream = new HttpStream(this.#manager, this, { headers, record, upgrade }));
    if (upgrade !== '') this.#mode = 'switching';
    let objection: LocalReply | undefined;
    try {
      objection = admitRequest(request, this.info, { manager: this.#manager, record, upgrade });
    } catch (error) {
      return stream.fail(error);
    }
    if (objection) return stream.refuse(objection);
    if (request.expectContinue && !settings.proxy100Continue) {
      headers.delete('expect');
      if (request.framing !== 'none') {
        this.#outbox.add(continueHead);
        this.#outbox.flush();
      }
    }
    stream.begin(request.framing === 'none' && upgrade === '');
  }

  onData(bytes: Buffer): void {
    this.#stream?.onRequestData(bytes);
  }

  onEnd(trailers: HeaderList | undefined): void {
    if (this.#mode === 'http')
      this.#stream?.onRequestEnd(this.#manager.settings.trailers ? trailers : undefined);
  }

  sendInformational(headers: ResponseHeaders): void {
    if (this.#headSent || this.#requestMinor === 0) return;
    this.#outbox.add(encodeResponseHead(headers, ''));
    this.#outbox.flush();
  }

  sendHead(headers: ResponseHeaders, options: { end: boolean; tunnel: boolean }): void {
    this.#touch();
    this.#headSent = true;
    const { status } = headers;
    let extra = '';
    if (options.tunnel) this.#lastResponse = true;
    else {
      // An upgrade that was refused leaves unclear what the client's next bytes are.
      if (this.#mode === 'switching') this.#lastResponse = true;
      this.#mode = 'http';
      const bodiless = this.#requestMethod === 'HEAD' || status === 204 || status === 304;
      const unframed = !bodiless && !headers.has('content-length');
      this.#chunked = unframed && !options.end && this.#requestMinor === 1;
      if (unframed && !options.end && this.#requestMinor === 0) this.#lastResponse = true;
      if (this.#lastResponse) extra = 'connection: close\r\n';
      else if (this.#requestMinor === 0) extra = 'connection: keep-alive\r\n';
      if (unframed && options.end) extra += 'content-length: 0\r\n';
      else if (this.#chunked) extra += 'transfer-encoding: chunked\r\n';
    }
    this.#outbox.add(encodeResponseHead(headers, extra));
    if (options.tunnel) this.#openTunnel();
  }

  sendData(bytes: Buffer): boolean {
    this.#touch();
    if (bytes.length > 0) {
      if (this.#chunked) this.#outbox.add(chunkHead(bytes.length));
      this.#outbox.add(bytes);
      if (this.#chunked) this.#outbox.add('\r\n');
    }
    return !this.#outbox.full;
  }

  sendEnd(trailers: HeaderList | undefined): void {
    if (this.#chunked) this.#outbox.add(chunkedEnd(this.#manager.settings.trailers ? trailers : undefined));
    this.#outbox.flush();
  }

  reset(): void {
    this.#outbox.flush();
    this.#closing = true;
    this.#socket.destroy();
  }

  pauseRequest(): void {
    this.#socket.pause();
  }

  resumeRequest(): void {
    if (this.#waiting === undefined) this.#socket.resume();
  }

  setIdleTimeout(ms: number | undefined): void {
    this.#streamIdleMs = ms;
    this.#watch();
  }

  closeAfter(): void {
    this.#lastResponse = true;
  }

  streamOver(): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#stream = undefined;
    if (this.#closed || this.#closing) return;
    if (this.#lastResponse || this.#mode !== 'http' || this.#parser.state !== 'done') return this.#close();
    this.#activeAt = this.#manager.clock.monotonic();
    if (this.#consuming) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) this.#consume(waiting);
    if (!this.#waiting) this.#socket.resume();
  }

  #read(bytes: Buffer): void {
    if (this.#closing) return; // what comes after the last response is not looked at
    this.#touch();
    if (this.#mode === 'tunnel') this.#stream?.onRequestData(bytes);
    else if (this.#stream && (this.#mode === 'switching' || this.#parser.state === 'done')) this.#hold(bytes);
    else this.#consume(bytes);
  }

  #consume(bytes: Buffer): void {
    const parser = this.#parser;
    this.#consuming = true;
    for (let at = 0; at < bytes.length && !this.#closing && !this.#closed; ) {
      if (parser.state === 'done') {
        if (this.#stream) {
          this.#hold(at === 0 ? bytes : bytes.subarray(at));
          break;
        }
        parser.next();
      }
      at = parser.feed(bytes, at);
      if (parser.state === 'failed') {
        this.#refuse(parser.failure!);
        break;
      }
    }
    this.#consuming = false;
    const { requestHeadersTimeoutMs } = this.#manager.settings;
    if (
      parser.state === 'head' &&
      requestHeadersTimeoutMs !== undefined &&
      !parser.idle &&
      !this.#headTimer
    ) {
      this.#headTimer = this.#manager.clock.after(requestHeadersTimeoutMs, () => this.#headTimedOut());
    }
  }

  #hold(bytes: Buffer): void {
    // The socket pauses at once, so that this is one read's worth, two at most.
    this.#waiting = this.#waiting ? Buffer.concat([this.#waiting, bytes]) : bytes;
    this.#socket.pause();
  }

  /** Answers what cannot be believed, and ends the connection. */
  #refuse(reason: WireFailure): void {
    this.#lastResponse = true;
    if (this.#stream) return this.#stream.onProtocolError(reason.details, reason.message);
    const { status, details } = reason;
    if (judgedByManager.has(details)) return this.#answerAlone({ status, body: '', details });
    const flags = responseFlag.downstreamProtocolError;
    this.#answerAlone({ status, body: reasonOf(status), details, flags });
  }

  #headTimedOut(): void {
    this.#headTimer = undefined;
    this.#lastResponse = true;
    this.#answerAlone({ status: 408, body: 'request header timeout', details: 'request_header_timeout' });
  }

  /** Answers without a request that could be read. */
  #answerAlone(reply: LocalReply): void {
    this.#headSent = false;
    this.#chunked = false;
    this.#requestMinor = 1;
    this.#requestMethod = 'GET';
    this.#mode = 'http';
    const headers = new RequestHeaders();
    headers.method = '';
    const record = new StreamRecord(this.#manager.clock.now(), this.#activeAt);
    const stream = (this.#stream = new HttpStream(this.#manager, this, { headers, record, upgrade: '' }));
    stream.refuse(reply);
  }

  #openTunnel(): void {
    this.#mode = 'tunnel';
    this.#outbox.flush();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) this.#stream?.onRequestData(waiting);
    this.#socket.resume();
  }

  /** Sends what is left, then ends the connection; a client that doesn't follow is cut off. */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#waiting = undefined;
    this.#outbox.flush();
    this.#socket.end();
    this.#socket.resume();
    const { clock, settings } = this.#manager;
    if (settings.delayedCloseTimeoutMs === 0) return this.#socket.destroySoon();
    this.#closeTimer = clock.after(settings.delayedCloseTimeoutMs, () => this.#socket.destroy());
  }

  #ended(): void {
    if (this.#closing || this.#closed) return;
    if (this.#mode === 'tunnel' && this.#stream && this.#socket.allowHalfOpen)
      return this.#stream.onRequestEnd(undefined);
    this.#closing = true;
    this.#stream?.onDownstreamClosed();
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#headTimer?.cancel();
    this.#durationTimer?.cancel();
    this.#closeTimer?.cancel();
    this.#draining.removeEventListener('abort', this.#drain);
    this.#stream?.onDownstreamClosed();
    this.#reporter.connectionClosed();
  }

  /** Takes nothing new: the next response says so, and a connection without one is closed after the drain time. */
  readonly #drain = (): void => {
    this.#lastResponse = true;
    if (this.#stream || this.#closed) return;
    const { clock, settings } = this.#manager;
    clock.after(settings.drainTimeoutMs, () => {
      if (!this.#stream && !this.#closed) this.#close();
    });
  };

  #touch(): void {
    this.#activeAt = this.#manager.clock.monotonic();
  }

  /** One timer a connection looks whether anything moved lately. */
  #watch(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closed) return;
    const { clock, settings } = this.#manager;
    const limit = this.#stream ? this.#streamIdleMs : settings.idleTimeoutMs;
    const left = limit === undefined ? Number.POSITIVE_INFINITY : this.#activeAt + limit - clock.monotonic();
    if (left <= 0) {
      if (!this.#stream) return this.#close();
      this.#stream.onIdle();
      this.#activeAt = clock.monotonic();
      return this.#watch();
    }
    // A stream may begin meanwhile and have less time than the connection.
    const next = Math.min(left, settings.streamIdleTimeoutMs ?? left, settings.idleTimeoutMs ?? left);
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.after(Math.max(1, next), () => this.#watch());
  }
}
