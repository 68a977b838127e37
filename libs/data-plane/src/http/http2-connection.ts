import type { Socket } from 'node:net';
import {
  errorCode,
  type HeaderList,
  Http2Connection,
  type Http2Request,
  type Http2Sink,
  type Http2Stream,
  type ResponseHeaders,
  type StreamEvents,
  type StreamReset,
} from '@lateen/http-wire';
import type { Timer } from '@lateen/runtime';
import type { ConnectionInfo, DownstreamConnection } from '../connection.ts';
import type { LocalReply } from '../http-filters/filter.ts';
import { StreamRecord } from '../reporting/stream-record.ts';
import type { Downstream } from './downstream.ts';
import type { Manager } from './manager.ts';
import type { ManagerSlot } from './manager-slot.ts';
import { Outbox } from './outbox.ts';
import { admitRequest } from './request-admission.ts';
import { HttpStream } from './stream.ts';

/** One stream of a client's HTTP/2 connection: the codec's events to the manager's stream, and its answers back. */
class Http2Exchange implements Downstream, StreamEvents {
  readonly info: ConnectionInfo;
  readonly #manager: Manager;
  readonly #codec: Http2Stream;
  readonly #stream: HttpStream;
  #idleMs: number | undefined;
  #activeAt: number;
  #timer: Timer | undefined;

  constructor(manager: Manager, info: ConnectionInfo, codec: Http2Stream, request: Http2Request) {
    this.#manager = manager;
    this.info = info;
    this.#codec = codec;
    const { clock, settings } = manager;
    const { headers } = request;
    const upgrade = headers.method === 'CONNECT' ? 'CONNECT' : '';
    this.#activeAt = clock.monotonic();
    const record = new StreamRecord(clock.now(), this.#activeAt);
    record.protocol = 'HTTP/2';
    this.#stream = new HttpStream(manager, this, { headers, record, upgrade });
    this.#idleMs = settings.streamIdleTimeoutMs;
    this.#watch();
    let objection: LocalReply | undefined;
    try {
      objection = admitRequest(
        {
          headers,
          form: headers.path === '*' ? 'asterisk' : upgrade === '' ? 'origin' : 'authority',
          minor: 1,
          framing: request.end ? 'none' : 'length',
          contentLength: 0,
          keepAlive: true,
          upgrade: '',
          expectContinue: false,
        },
        info,
        { manager, record, upgrade },
      );
    } catch (error) {
      this.#stream.fail(error);
      return;
    }
    if (objection) this.#stream.refuse(objection);
    else this.#stream.begin(request.end && upgrade === '');
  }

  sendInformational(headers: ResponseHeaders): void {
    this.#codec.sendHead(headers, false);
  }

  sendHead(headers: ResponseHeaders, options: { end: boolean; tunnel: boolean }): void {
    this.#touch();
    this.#codec.sendHead(headers, options.end);
  }

  sendData(bytes: Buffer): boolean {
    this.#touch();
    return this.#codec.sendData(bytes);
  }

  sendEnd(trailers: HeaderList | undefined): void {
    this.#codec.sendEnd(trailers);
  }

  reset(): void {
    this.#codec.reset(errorCode.internalError);
  }

  pauseRequest(): void {
    this.#codec.pause();
  }

  resumeRequest(): void {
    this.#codec.resume();
  }

  setIdleTimeout(ms: number | undefined): void {
    this.#idleMs = ms;
    this.#watch();
  }

  /** A stream's end says nothing about its connection. */
  closeAfter(): void {}

  streamOver(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#codec.discard();
  }

  onInformational(): void {}
  onHead(): void {}

  onData(bytes: Buffer): void {
    this.#touch();
    this.#stream.onRequestData(bytes);
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#stream.onRequestEnd(trailers);
  }

  onReset(reset: StreamReset): void {
    if (reset.origin === 'local')
      this.#stream.onProtocolError('http2.violation.of.messaging.rule', reset.message);
    else this.#stream.onDownstreamClosed(reset.origin === 'peer' ? 'http2.remote_reset' : undefined);
  }

  onWritable(): void {
    this.#touch();
    this.#stream.onWritable();
  }

  #touch(): void {
    this.#activeAt = this.#manager.clock.monotonic();
  }

  #watch(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#idleMs === undefined || this.#stream.over) return;
    const { clock } = this.#manager;
    const left = this.#activeAt + this.#idleMs - clock.monotonic();
    if (left <= 0) return this.#stream.onIdle();
    this.#timer = clock.after(Math.max(1, left), () => this.#watch());
  }
}

/** A client's HTTP/2 connection: any number of streams, each with a life of its own. */
export class Http2DownstreamConnection implements Http2Sink {
  readonly #info: ConnectionInfo;
  readonly #slot: ManagerSlot;
  readonly #reporter: Manager['reporter'];
  readonly #manager: Manager;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #codec: Http2Connection;
  readonly #draining: AbortSignal;
  #scheduled = false;
  #closed = false;
  #closing = false;
  #idleTimer: Timer | undefined;
  #durationTimer: Timer | undefined;
  #closeTimer: Timer | undefined;

  constructor(connection: DownstreamConnection, slot: ManagerSlot) {
    const manager = (this.#manager = slot.newest);
    const { settings, clock } = manager;
    this.#info = connection.info;
    this.#slot = slot;
    this.#reporter = manager.reporter;
    this.#draining = connection.draining;
    const socket = (this.#socket = connection.socket);
    this.#outbox = new Outbox(socket, { onFull() {}, onDrain: () => this.#codec.outputTaken(false) });
    this.#codec = new Http2Connection(this, {
      role: 'server',
      now: () => clock.monotonic(),
      limits: {
        maxHeaderBytes: settings.maxHeadBytes,
        maxHeaders: settings.maxHeaders,
        extendedConnect: false, // upstreams here can't be asked to switch by it
      },
    });
    manager.reporter.connectionOpened();
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#codec.feed(bytes));
    socket.on('end', () => this.#close());
    socket.on('error', () => {}); // 'close' follows and does what is to be done
    socket.on('close', () => this.#gone());
    if (settings.maxConnectionDurationMs !== undefined)
      this.#durationTimer = clock.after(settings.maxConnectionDurationMs, () => this.#drain());
    if (this.#draining.aborted) this.#drain();
    else this.#draining.addEventListener('abort', this.#drain, { once: true });
    this.onCapacity();
    socket.resume();
  }

  onRequest(stream: Http2Stream, request: Http2Request): StreamEvents {
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
    return new Http2Exchange(this.#slot.newest, this.#info, stream, request);
  }

  onOutput(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#flush());
  }

  onGoAway(): void {
    this.#codec.drain();
  }

  /** A connection without streams is closed after its idle time. */
  onCapacity(): void {
    const { idleTimeoutMs } = this.#manager.settings;
    if (this.#closed || this.#idleTimer || idleTimeoutMs === undefined) return;
    if (this.#codec && this.#codec.activeStreams > 0) return;
    this.#idleTimer = this.#manager.clock.after(idleTimeoutMs, () => {
      this.#codec.finishDrain();
      this.#close();
    });
  }

  onDrained(): void {
    this.#close();
  }

  onFailure(): void {
    this.#close();
  }

  #flush(): void {
    this.#scheduled = false;
    for (const part of this.#codec.takeOutput()) this.#outbox.add(part);
    this.#outbox.flush();
    this.#codec.outputTaken(this.#outbox.full);
  }

  readonly #drain = (): void => {
    if (this.#closed) return;
    this.#codec.drain();
    const { clock, settings } = this.#manager;
    this.#closeTimer ??= clock.after(settings.drainTimeoutMs, () => this.#codec.finishDrain());
  };

  /** Sends what is left, then ends the connection; a client that doesn't follow is cut off. */
  #close(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#flush();
    this.#codec.close();
    this.#socket.end();
    this.#socket.resume();
    const { clock, settings } = this.#manager;
    this.#closeTimer?.cancel();
    this.#closeTimer = clock.after(settings.delayedCloseTimeoutMs, () => this.#socket.destroy());
  }

  #gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#idleTimer?.cancel();
    this.#durationTimer?.cancel();
    this.#closeTimer?.cancel();
    this.#draining.removeEventListener('abort', this.#drain);
    this.#codec.close();
    this.#reporter.connectionClosed();
  }
}
