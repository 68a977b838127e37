import { HpackDecoder } from '../hpack/decoder.ts';
import { HpackEncoder } from '../hpack/encoder.ts';
import { type HeaderList, RequestHeaders, type ResponseHeaders } from '../header-list.ts';
import { type ConnectionFailure, errorCode } from './error-code.ts';
import { FloodGuard } from './flood-guard.ts';
import { flag, frameBytes, frameType, initialWindow, maxWindow, preface, setting } from './frame.ts';
import { type FrameHead, FrameReader, type FrameSink } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { defaultHttp2Limits, type Http2Limits } from './limits.ts';
import { MessageReader } from './message-reader.ts';
import { Http2Stream, type StreamEvents, type StreamOwner, type StreamReset } from './stream.ts';

/** A request as a server sees it. */
export interface Http2Request {
  readonly headers: RequestHeaders;
  /** No body follows; `onEnd` comes all the same. */
  readonly end: boolean;
  /** `:protocol` of an extended CONNECT (RFC 8441); empty without. */
  readonly protocol: string;
}

/** Told what happens to a connection. Calls come inside `feed`, `takeOutput` and the commands. */
export interface Http2Sink {
  /** A peer's request; answer who takes its events. Servers alone are asked. */
  onRequest(stream: Http2Stream, request: Http2Request): StreamEvents;
  /** There is output: take it at the end of this turn. */
  onOutput(): void;
  /** The peer takes no new streams. */
  onGoAway(code: number): void;
  /** The number of streams that may be opened has changed; their number has fallen. */
  onCapacity(): void;
  /** A drained connection has no stream left. */
  onDrained(): void;
  /** The peer broke the protocol or flooded us: send the output, then close. Streams have been reset. */
  onFailure(failure: ConnectionFailure): void;
}

/** A connection's part and bounds. */
export interface Http2Options {
  readonly role: 'client' | 'server';
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly limits?: Partial<Http2Limits>;
  /** Huffman code in what we send; without, headers are quicker and larger. */
  readonly huffman?: boolean;
}

/** Gathered output beyond which streams hold their content back until the transport has taken it. */
const outputBytes = 256 * 1024;
/** Streams ended of late, for telling late frames from wrong ones. */
const maxRecent = 512;
const drainPing = Buffer.from('lateen-d', 'latin1');
const ofConnection = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'host',
]);
const bodiless = new Set([204, 205, 304]);

/**
 * An HTTP/2 connection (RFC 9113) without its transport, in either role: bytes in by `feed`, events out by sinks,
 * commands in by methods, bytes out by `takeOutput`. PRIORITY is read and passed over; push is refused.
 */
export class Http2Connection implements FrameSink, StreamOwner {
  readonly #server: boolean;
  readonly #sink: Http2Sink;
  readonly #limits: Http2Limits;
  readonly #now: () => number;
  readonly #reader: FrameReader = new FrameReader(this);
  readonly #writer = new FrameWriter();
  readonly #decoder: HpackDecoder;
  readonly #encoder: HpackEncoder;
  readonly #message: MessageReader;
  readonly #guard: FloodGuard;
  readonly #streams = new Map<number, Http2Stream>();
  readonly #recent = new Map<number, 'reset' | 'ended'>();
  /** Streams with content that has to wait. */
  readonly #waiting = new Set<Http2Stream>();
  #prefaceLeft = preface.length;
  #settled = false;
  #failed = false;
  #full = false;
  #announced = false;
  #lastPeerId = 0;
  #nextId = 1;
  #peerMaxStreams = Number.POSITIVE_INFINITY;
  #peerMaxFrame = frameBytes;
  #peerWindow = initialWindow;
  #peerExtendedConnect = false;
  #peerGone = false;
  #sendWindow = initialWindow;
  #receiveWindow = initialWindow;
  #uncredited = 0;
  #drain: 'no' | 'announced' | 'final' = 'no';
  #drainedAt = 0;
  #drainTold = false;
  /** Header block under way: its stream, flags of its HEADERS, bytes so far. */
  #blockStream = 0;
  #blockEnd = false;
  #block: Buffer[] = [];
  #blockBytes = 0;
  #continuations = 0;
  /** Taker of the DATA frame under way; `undefined`: its stream is gone. */
  #dataStream: Http2Stream | undefined;

  constructor(sink: Http2Sink, options: Http2Options) {
    const limits = (this.#limits = { ...defaultHttp2Limits, ...options.limits });
    this.#sink = sink;
    this.#server = options.role === 'server';
    this.#now = options.now;
    this.#guard = new FloodGuard(limits);
    this.#decoder = new HpackDecoder({
      maxTableBytes: limits.maxHeaderTableBytes,
      maxStringBytes: limits.maxHeaderBytes,
    });
    this.#encoder = new HpackEncoder({ huffman: options.huffman ?? true });
    this.#message = new MessageReader(limits);
    if (!this.#server) {
      this.#prefaceLeft = 0;
      this.#writer.raw(preface);
    }
    const settings: [number, number][] = [
      [setting.initialWindowSize, limits.streamWindowBytes],
      [setting.maxHeaderListSize, limits.maxHeaderBytes],
    ];
    if (limits.maxHeaderTableBytes !== 4096)
      settings.push([setting.headerTableSize, limits.maxHeaderTableBytes]);
    if (this.#server) {
      settings.push([setting.maxConcurrentStreams, limits.maxConcurrentStreams]);
      if (limits.extendedConnect) settings.push([setting.enableConnectProtocol, 1]);
    } else settings.push([setting.enablePush, 0]);
    this.#writer.settings(settings);
    if (limits.connectionWindowBytes > initialWindow) {
      this.#writer.words(frameType.windowUpdate, 0, [limits.connectionWindowBytes - initialWindow]);
      this.#receiveWindow = limits.connectionWindowBytes;
    }
    this.#announce();
  }

  /** Streams under way. */
  get activeStreams(): number {
    return this.#streams.size;
  }

  /** Streams that a client may open now. */
  get capacity(): number {
    if (this.#failed || this.#peerGone || this.#drain !== 'no' || this.#nextId > maxWindow) return 0;
    return Math.max(0, this.#peerMaxStreams - this.#streams.size);
  }

  /** The peer takes extended CONNECT (RFC 8441). */
  get extendedConnect(): boolean {
    return this.#peerExtendedConnect;
  }

  /** The transport or the gathered output holds content back. */
  get outputFull(): boolean {
    return this.#full || this.#writer.bytes >= outputBytes;
  }

  /** The connection is over. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Takes bytes from the peer, which are views' from now on: don't reuse them. */
  feed(bytes: Buffer): void {
    if (this.#failed) return;
    let at = 0;
    for (; this.#prefaceLeft > 0 && at < bytes.length; at += 1, this.#prefaceLeft -= 1) {
      if (bytes[at] === preface[preface.length - this.#prefaceLeft]) continue;
      this.#fail(errorCode.protocolError, 'invalid preface');
      return;
    }
    if (at < bytes.length) this.#reader.feed(bytes, at);
  }

  /** The transport is gone: every stream is reset. Idempotent. */
  close(message = 'connection closed'): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#resetAll(errorCode.internalError, message);
  }

  /** What is to be sent, gathered since the last call; tell its fate by `outputTaken`. */
  takeOutput(): Buffer[] {
    this.#announced = false;
    return this.#writer.take();
  }

  /** `full`: the transport is behind; call again with `false` when it has caught up. */
  outputTaken(full: boolean): void {
    this.#full = full;
    if (full) return;
    this.#guard.drained();
    this.#pump();
  }

  /** Opens a stream with a request; `undefined` when `capacity` is 0. */
  open(
    headers: RequestHeaders,
    events: StreamEvents,
    options: { end: boolean; protocol?: string },
  ): Http2Stream | undefined {
    if (this.#server || this.capacity === 0) return undefined;
    const stream = this.#createStream(this.#nextId);
    this.#nextId += 2;
    stream.events = events;
    stream.head = headers.method === 'HEAD';
    stream.headSent = true;
    this.#writeRequest(stream, headers, options.protocol ?? '');
    this.#writeBlock(stream, options.end);
    return stream;
  }

  /** Announces that no new streams are taken and, when the peer has heard it, takes none (RFC 9113 6.8). */
  drain(): void {
    if (this.#failed || this.#drain !== 'no') return;
    this.#drain = 'announced';
    if (this.#server) {
      this.#writer.words(frameType.goAway, 0, [maxWindow, errorCode.noError]);
      this.#writer.ping(false, drainPing);
    } else this.#finishDrain();
    this.#announce();
    this.#checkDrained();
  }

  /** Takes no new streams from here on, whether or not the peer has answered. */
  finishDrain(): void {
    if (this.#failed || this.#drain === 'final') return;
    this.#finishDrain();
    this.#announce();
    this.#checkDrained();
  }

  #finishDrain(): void {
    this.#drain = 'final';
    this.#drainedAt = this.#lastPeerId;
    this.#writer.words(frameType.goAway, 0, [this.#lastPeerId, errorCode.noError]);
  }

  #checkDrained(): void {
    if (this.#drain === 'no' || this.#drainTold || this.#streams.size > 0 || this.#failed) return;
    if (this.#server && this.#drain !== 'final') return;
    this.#drainTold = true;
    this.#sink.onDrained();
  }

  // Frames

  onTooLarge({ type }: FrameHead): void {
    this.#fail(errorCode.frameSizeError, `frame of type ${type} above the size limit`);
  }

  onBadPadding(): void {
    this.#fail(errorCode.protocolError, 'padding longer than its frame');
  }

  onFrame(head: FrameHead, payload: Buffer, start: number, end: number): boolean {
    const { type, streamId, flags } = head;
    if (!this.#settled && (type !== frameType.settings || (flags & flag.ack) !== 0))
      return this.#fail(errorCode.protocolError, 'SETTINGS must come first');
    if (this.#blockStream !== 0 && (type !== frameType.continuation || streamId !== this.#blockStream))
      return this.#fail(errorCode.protocolError, 'a frame inside a header block');
    switch (type) {
      case frameType.headers:
        return this.#onHeaders(head, payload, start, end);
      case frameType.continuation:
        return this.#onContinuation(head, payload, start, end);
      case frameType.priority:
        if (streamId === 0) return this.#fail(errorCode.protocolError, 'PRIORITY on stream 0');
        if (end - start !== 5) return this.#fail(errorCode.frameSizeError, 'PRIORITY of a wrong size');
        return this.#guard.priority() || this.#flooded('PRIORITY');
      case frameType.rstStream:
        return this.#onRstStream(head, payload, start);
      case frameType.settings:
        return this.#onSettings(head, payload, start, end);
      case frameType.pushPromise:
        return this.#fail(errorCode.protocolError, 'PUSH_PROMISE is not accepted');
      case frameType.ping:
        return this.#onPing(head, payload, start);
      case frameType.goAway:
        return this.#onGoAway(head, payload, start);
      case frameType.windowUpdate:
        return this.#onWindowUpdate(head, payload, start);
      default:
        return this.#guard.priority() || this.#flooded('unknown frames');
    }
  }

  onDataFrame(head: FrameHead): boolean {
    const { streamId, length } = head;
    this.#dataStream = undefined;
    if (!this.#settled) return this.#fail(errorCode.protocolError, 'SETTINGS must come first');
    if (this.#blockStream !== 0) return this.#fail(errorCode.protocolError, 'a frame inside a header block');
    if (this.#isIdle(streamId)) return this.#fail(errorCode.protocolError, 'DATA on an idle stream');
    if (!this.#guard.content(length === 0 && (head.flags & flag.endStream) === 0))
      return this.#flooded('empty DATA');
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) return this.#fail(errorCode.flowControlError, 'more DATA than the window');
    const stream = this.#streams.get(streamId);
    if (!stream) {
      if (!this.#isLate(streamId)) return this.#fail(errorCode.streamClosed, 'DATA on a closed stream');
      this.#creditConnection(length);
      return true;
    }
    if (stream.paused) stream.heldCredit += length;
    else this.#creditConnection(length);
    if (stream.remoteDone) return this.#streamError(stream, errorCode.streamClosed, 'DATA after END_STREAM');
    if (!this.#server && !stream.headReceived)
      return this.#streamError(stream, errorCode.protocolError, 'DATA before HEADERS');
    stream.receiveWindow -= length;
    stream.uncredited += length;
    if (stream.receiveWindow < 0)
      return this.#streamError(stream, errorCode.flowControlError, 'more DATA than the window');
    this.#dataStream = stream;
    return true;
  }

  onDataPiece(_: number, bytes: Buffer): boolean {
    const stream = this.#dataStream;
    if (!stream || stream.over) return true;
    stream.received += bytes.length;
    if (stream.expected >= 0 && stream.received > stream.expected)
      return this.#streamError(stream, errorCode.protocolError, 'more DATA than content-length');
    stream.events?.onData(bytes);
    return !this.#failed;
  }

  onDataFrameEnd(head: FrameHead): boolean {
    const stream = this.#dataStream;
    if (!stream || stream.over) return true;
    if ((head.flags & flag.endStream) !== 0) return this.#remoteEnd(stream, undefined);
    this.creditStream(stream);
    return !this.#failed;
  }

  #onHeaders(head: FrameHead, payload: Buffer, start: number, end: number): boolean {
    const { flags, streamId } = head;
    if (streamId === 0) return this.#fail(errorCode.protocolError, 'HEADERS on stream 0');
    let from = start;
    let to = end;
    if ((flags & flag.padded) !== 0) {
      const padding = from < to ? payload[from]! : 256;
      from += 1;
      if (padding > to - from) return this.#fail(errorCode.protocolError, 'padding longer than its frame');
      to -= padding;
    }
    if ((flags & flag.priority) !== 0) {
      from += 5;
      if (from > to) return this.#fail(errorCode.frameSizeError, 'HEADERS too short for its priority');
    }
    this.#blockEnd = (flags & flag.endStream) !== 0;
    const whole = (flags & flag.endHeaders) !== 0;
    if (!this.#guard.content(from === to && !whole)) return this.#flooded('empty HEADERS');
    if (whole) return this.#onBlock(streamId, payload, from, to);
    this.#blockStream = streamId;
    this.#block = [Buffer.from(payload.subarray(from, to))];
    this.#blockBytes = to - from;
    this.#continuations = 0;
    return true;
  }

  #onContinuation(head: FrameHead, payload: Buffer, start: number, end: number): boolean {
    if (this.#blockStream === 0) return this.#fail(errorCode.protocolError, 'CONTINUATION without HEADERS');
    const whole = (head.flags & flag.endHeaders) !== 0;
    this.#continuations += 1;
    this.#blockBytes += end - start;
    if (!this.#guard.content(start === end && !whole)) return this.#flooded('empty CONTINUATION');
    if (this.#continuations > this.#limits.maxContinuations) return this.#flooded('CONTINUATION');
    // A block as sent is smaller than what it says, but for strings in the dearest Huffman codes.
    if (this.#blockBytes > this.#limits.maxHeaderBytes * 2 + frameBytes) return this.#flooded('header bytes');
    this.#block.push(Buffer.from(payload.subarray(start, end)));
    if (!whole) return true;
    const block = Buffer.concat(this.#block, this.#blockBytes);
    const streamId = this.#blockStream;
    this.#blockStream = 0;
    this.#block = [];
    return this.#onBlock(streamId, block, 0, block.length);
  }

  #onBlock(streamId: number, block: Buffer, from: number, to: number): boolean {
    const stream = this.#streams.get(streamId);
    const isNew = this.#server && !stream && (streamId & 1) === 1 && streamId > this.#lastPeerId;
    if (!stream && !isNew) {
      const recent = this.#recent.get(streamId);
      if (recent === 'ended') return this.#fail(errorCode.streamClosed, 'HEADERS on a closed stream');
      if (recent !== 'reset')
        return this.#fail(errorCode.protocolError, 'HEADERS on a stream that cannot be');
    }
    const message = this.#message;
    message.begin(
      isNew ? 'request' : stream && !this.#server && !stream.headReceived ? 'response' : 'trailers',
    );
    if (!this.#decoder.decode(block, from, to, message))
      return this.#fail(errorCode.compressionError, 'malformed header block');
    if (isNew) return this.#onRequestBlock(streamId);
    if (!stream) return true; // came after our reset
    if (stream.remoteDone)
      return this.#streamError(stream, errorCode.streamClosed, 'HEADERS after END_STREAM');
    if (!this.#server && !stream.headReceived) return this.#onResponseBlock(stream);
    const trailers = message.finishTrailers();
    if (!this.#blockEnd)
      return this.#streamError(stream, errorCode.protocolError, 'trailers without END_STREAM');
    if (!trailers) return this.#badMessage(stream);
    return this.#remoteEnd(stream, trailers.size === 0 ? undefined : trailers);
  }

  #onRequestBlock(streamId: number): boolean {
    if (this.#drain === 'final' && streamId > this.#drainedAt) return true; // the peer sends it elsewhere
    this.#lastPeerId = streamId;
    this.#guard.opened();
    const message = this.#message;
    const headers = message.finishRequest(this.#limits.extendedConnect);
    if (!headers) {
      const code = message.objection === undefined ? errorCode.enhanceYourCalm : errorCode.protocolError;
      this.#remember(streamId, 'reset');
      if (!this.#writeReset(streamId, code)) return false;
      return this.#guard.ended(true) || this.#flooded('malformed requests');
    }
    if (this.#streams.size >= this.#limits.maxConcurrentStreams) {
      this.#remember(streamId, 'reset');
      return this.#writeReset(streamId, errorCode.refusedStream);
    }
    const end = this.#blockEnd;
    const { protocol, contentLength } = message;
    if (end && contentLength > 0) {
      this.#remember(streamId, 'reset');
      if (!this.#writeReset(streamId, errorCode.protocolError)) return false;
      return this.#guard.ended(true) || this.#flooded('malformed requests');
    }
    const stream = this.#createStream(streamId);
    stream.headReceived = true;
    stream.expected = contentLength;
    stream.head = headers.method === 'HEAD';
    const events = this.#sink.onRequest(stream, { headers, end, protocol });
    if (stream.over) return !this.#failed;
    stream.events = events;
    return end ? this.#remoteEnd(stream, undefined) : !this.#failed;
  }

  #onResponseBlock(stream: Http2Stream): boolean {
    const message = this.#message;
    const headers = message.finishResponse();
    if (!headers) return this.#badMessage(stream);
    const end = this.#blockEnd;
    if (headers.status < 200) {
      if (end) return this.#streamError(stream, errorCode.protocolError, 'interim response with END_STREAM');
      if (!this.#guard.priority()) return this.#flooded('interim responses');
      stream.events?.onInformational(headers);
      return !this.#failed;
    }
    stream.headReceived = true;
    if (!stream.head && !bodiless.has(headers.status)) stream.expected = message.contentLength;
    if (end && stream.expected > 0)
      return this.#streamError(stream, errorCode.protocolError, 'no DATA for its content-length');
    stream.events?.onHead(headers, end);
    if (stream.over) return !this.#failed;
    return end ? this.#remoteEnd(stream, undefined) : !this.#failed;
  }

  #badMessage(stream: Http2Stream): boolean {
    const { objection } = this.#message;
    return objection === undefined
      ? this.#streamError(stream, errorCode.enhanceYourCalm, 'headers above the limit')
      : this.#streamError(stream, errorCode.protocolError, objection);
  }

  #remoteEnd(stream: Http2Stream, trailers: HeaderList | undefined): boolean {
    if (stream.expected >= 0 && stream.received !== stream.expected)
      return this.#streamError(stream, errorCode.protocolError, 'less DATA than content-length');
    stream.remoteDone = true;
    this.#releaseHeld(stream);
    stream.events?.onEnd(trailers);
    this.#closeWhenDone(stream);
    return !this.#failed;
  }

  #onRstStream({ streamId, length }: FrameHead, payload: Buffer, start: number): boolean {
    if (length !== 4) return this.#fail(errorCode.frameSizeError, 'RST_STREAM of a wrong size');
    if (this.#isIdle(streamId)) return this.#fail(errorCode.protocolError, 'RST_STREAM on an idle stream');
    const stream = this.#streams.get(streamId);
    if (!stream) return this.#guard.priority() || this.#flooded('RST_STREAM');
    const code = payload.readUInt32BE(start);
    const premature = this.#isPremature(stream);
    this.#end(stream, 'reset', {
      code,
      origin: 'peer',
      message: 'reset by the peer',
      untouched: code === errorCode.refusedStream,
    });
    return !this.#failed && (this.#guard.ended(premature) || this.#flooded('resets'));
  }

  #onSettings({ streamId, length, flags }: FrameHead, payload: Buffer, start: number, end: number): boolean {
    if (streamId !== 0) return this.#fail(errorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & flag.ack) !== 0)
      return length === 0 || this.#fail(errorCode.frameSizeError, 'SETTINGS answer with a payload');
    if (length % 6 !== 0) return this.#fail(errorCode.frameSizeError, 'SETTINGS of a wrong size');
    let window = this.#peerWindow;
    for (let at = start; at < end; at += 6) {
      const id = payload.readUInt16BE(at);
      const value = payload.readUInt32BE(at + 2);
      switch (id) {
        case setting.headerTableSize:
          this.#encoder.setTableLimit(value);
          break;
        case setting.enablePush:
          if (value > 1 || (value === 1 && !this.#server))
            return this.#fail(errorCode.protocolError, 'invalid ENABLE_PUSH');
          break;
        case setting.maxConcurrentStreams:
          this.#peerMaxStreams = value;
          break;
        case setting.initialWindowSize:
          if (value > maxWindow) return this.#fail(errorCode.flowControlError, 'invalid INITIAL_WINDOW_SIZE');
          window = value;
          break;
        case setting.maxFrameSize:
          if (value < frameBytes || value > 0xff_ffff)
            return this.#fail(errorCode.protocolError, 'invalid MAX_FRAME_SIZE');
          // Larger frames would let one stream hold up the others.
          this.#peerMaxFrame = frameBytes;
          break;
        case setting.enableConnectProtocol:
          if (value > 1 || (this.#peerExtendedConnect && value === 0))
            return this.#fail(errorCode.protocolError, 'invalid ENABLE_CONNECT_PROTOCOL');
          this.#peerExtendedConnect = value === 1;
          break;
        default:
          break; // unknown settings are passed over (RFC 9113 6.5.2)
      }
    }
    const delta = window - this.#peerWindow;
    this.#peerWindow = window;
    if (delta !== 0) {
      for (const stream of this.#streams.values()) {
        stream.sendWindow += delta;
        if (stream.sendWindow > maxWindow)
          return this.#fail(errorCode.flowControlError, 'INITIAL_WINDOW_SIZE overflows a window');
      }
    }
    this.#settled = true;
    this.#writer.settingsAck();
    this.#announce();
    if (!this.#guard.controlSent()) return this.#flooded('SETTINGS');
    if (delta > 0) this.#pump();
    this.#sink.onCapacity();
    return !this.#failed;
  }

  #onPing({ streamId, length, flags }: FrameHead, payload: Buffer, start: number): boolean {
    if (streamId !== 0) return this.#fail(errorCode.protocolError, 'PING on a stream');
    if (length !== 8) return this.#fail(errorCode.frameSizeError, 'PING of a wrong size');
    const opaque = payload.subarray(start, start + 8);
    if ((flags & flag.ack) === 0) {
      this.#writer.ping(true, opaque);
      this.#announce();
      return this.#guard.controlSent() || this.#flooded('PING');
    }
    if (this.#drain === 'announced' && drainPing.equals(opaque)) this.finishDrain();
    return this.#guard.priority() || this.#flooded('PING answers');
  }

  #onGoAway({ streamId, length }: FrameHead, payload: Buffer, start: number): boolean {
    if (streamId !== 0) return this.#fail(errorCode.protocolError, 'GOAWAY on a stream');
    if (length < 8) return this.#fail(errorCode.frameSizeError, 'GOAWAY of a wrong size');
    if (!this.#guard.priority()) return this.#flooded('GOAWAY');
    const last = payload.readUInt32BE(start) & maxWindow;
    const code = payload.readUInt32BE(start + 4);
    this.#peerGone = true;
    if (!this.#server) {
      for (const stream of this.#streams.values()) {
        if (stream.id <= last) continue;
        this.#end(stream, 'reset', { code, origin: 'peer', message: 'the peer goes away', untouched: true });
      }
    }
    this.#sink.onGoAway(code);
    return !this.#failed;
  }

  #onWindowUpdate({ streamId, length }: FrameHead, payload: Buffer, start: number): boolean {
    if (length !== 4) return this.#fail(errorCode.frameSizeError, 'WINDOW_UPDATE of a wrong size');
    if (streamId !== 0 && this.#isIdle(streamId))
      return this.#fail(errorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
    if (!this.#guard.windowUpdate()) return this.#flooded('WINDOW_UPDATE');
    const increment = payload.readUInt32BE(start) & maxWindow;
    if (streamId === 0) {
      if (increment === 0) return this.#fail(errorCode.protocolError, 'WINDOW_UPDATE of 0');
      this.#sendWindow += increment;
      if (this.#sendWindow > maxWindow)
        return this.#fail(errorCode.flowControlError, 'WINDOW_UPDATE overflows the window');
      this.#pump();
      return !this.#failed;
    }
    const stream = this.#streams.get(streamId);
    if (!stream) return true;
    if (increment === 0) return this.#streamError(stream, errorCode.protocolError, 'WINDOW_UPDATE of 0');
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindow)
      return this.#streamError(stream, errorCode.flowControlError, 'WINDOW_UPDATE overflows the window');
    if (this.#waiting.has(stream)) this.#pump();
    return !this.#failed;
  }

  // Streams

  sendHead(stream: Http2Stream, headers: RequestHeaders | ResponseHeaders, end: boolean): void {
    this.#encoder.begin();
    if (!(headers instanceof RequestHeaders)) this.#encoder.add(':status', String(headers.status));
    this.#addFields(headers);
    this.#writeBlock(stream, end);
  }

  sendQueued(stream: Http2Stream): void {
    if (this.#waiting.has(stream)) return; // its turn comes
    while (this.#sendFrame(stream));
    if (stream.over || stream.localDone) return;
    if (stream.queue.length > 0 || stream.endQueued || this.outputFull) this.#waiting.add(stream);
  }

  isWaiting(stream: Http2Stream): boolean {
    return this.#waiting.has(stream);
  }

  resetStream(stream: Http2Stream, code: number): void {
    this.#writeReset(stream.id, code);
    if (this.#failed) return;
    this.#end(stream, 'reset', undefined);
    this.#guard.ended(false);
  }

  creditStream(stream: Http2Stream): void {
    if (stream.paused) return;
    this.#releaseHeld(stream);
    const { uncredited } = stream;
    if (stream.remoteDone || uncredited * 2 < this.#limits.streamWindowBytes) return;
    stream.uncredited = 0;
    stream.receiveWindow += uncredited;
    this.#writer.words(frameType.windowUpdate, stream.id, [uncredited]);
    this.#announce();
  }

  #releaseHeld(stream: Http2Stream): void {
    if (stream.heldCredit === 0) return;
    const held = stream.heldCredit;
    stream.heldCredit = 0;
    this.#creditConnection(held);
  }

  #creditConnection(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited * 2 < this.#limits.connectionWindowBytes) return;
    this.#receiveWindow += this.#uncredited;
    this.#writer.words(frameType.windowUpdate, 0, [this.#uncredited]);
    this.#uncredited = 0;
    this.#announce();
  }

  #createStream(id: number): Http2Stream {
    const stream = new Http2Stream(this, id, {
      send: this.#peerWindow,
      receive: this.#limits.streamWindowBytes,
      openedAt: this.#now(),
    });
    this.#streams.set(id, stream);
    return stream;
  }

  /** Sends one frame of what the stream has; answers whether there may be another. */
  #sendFrame(stream: Http2Stream): boolean {
    const { queue } = stream;
    const first = queue[0];
    if (first === undefined) {
      if (!stream.endQueued || stream.localDone || stream.over) return false;
      const { trailers } = stream;
      if (trailers) {
        this.#encoder.begin();
        this.#addFields(trailers);
        this.#writeBlock(stream, true);
        return false;
      }
      this.#writer.data(stream.id, empty, true);
      this.#announce();
      this.#localEnd(stream);
      return false;
    }
    const room = Math.min(stream.sendWindow, this.#sendWindow, this.#peerMaxFrame);
    if (room <= 0 || this.outputFull) return false;
    const whole = first.length <= room;
    const content = whole ? first : first.subarray(0, room);
    if (whole) queue.shift();
    else queue[0] = first.subarray(room);
    stream.sendWindow -= content.length;
    this.#sendWindow -= content.length;
    const end = whole && queue.length === 0 && stream.endQueued && stream.trailers === undefined;
    this.#writer.data(stream.id, content, end);
    this.#guard.dataSent();
    this.#announce();
    if (end) this.#localEnd(stream);
    return !end;
  }

  /** Lets waiting streams send in turn, a frame each. */
  #pump(): void {
    for (const stream of this.#waiting) {
      if (this.outputFull) return;
      if (stream.queue.length > 0 && (stream.sendWindow <= 0 || this.#sendWindow <= 0)) continue;
      this.#waiting.delete(stream);
      this.#sendFrame(stream);
      if (stream.queue.length === 0 && stream.endQueued && !stream.localDone) this.#sendFrame(stream);
      if (stream.over || stream.localDone) continue;
      if (stream.queue.length > 0) this.#waiting.add(stream);
      else stream.events?.onWritable();
    }
  }

  #writeRequest(stream: Http2Stream, headers: RequestHeaders, protocol: string): void {
    const encoder = this.#encoder;
    encoder.begin();
    encoder.add(':method', headers.method);
    if (headers.method !== 'CONNECT' || protocol !== '') {
      encoder.add(':scheme', headers.scheme);
      encoder.add(':path', headers.path);
    }
    if (headers.authority !== '') encoder.add(':authority', headers.authority);
    if (protocol !== '') encoder.add(':protocol', protocol);
    this.#addFields(headers);
    stream.headSent = true;
  }

  #addFields(fields: HeaderList): void {
    const encoder = this.#encoder;
    const { size } = fields;
    for (let index = 0; index < size; index += 1) {
      const name = fields.nameAt(index);
      if (ofConnection.has(name)) continue;
      const value = fields.valueAt(index);
      if (name === 'te' && value !== 'trailers') continue;
      encoder.add(name, value);
    }
  }

  #writeBlock(stream: Http2Stream, end: boolean): void {
    this.#writer.headers(stream.id, this.#encoder.end(), { end, maxFrame: this.#peerMaxFrame });
    this.#announce();
    if (end) this.#localEnd(stream);
  }

  #localEnd(stream: Http2Stream): void {
    stream.localDone = true;
    if (stream.dropRest && !stream.remoteDone) return this.resetStream(stream, errorCode.noError);
    this.#closeWhenDone(stream);
  }

  #closeWhenDone(stream: Http2Stream): void {
    if (stream.over || !stream.localDone || !stream.remoteDone) return;
    this.#end(stream, 'ended', undefined);
    this.#guard.ended(false);
  }

  #end(stream: Http2Stream, how: 'reset' | 'ended', reset: StreamReset | undefined): void {
    stream.over = true;
    stream.queue = [];
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
    this.#remember(stream.id, how);
    this.#releaseHeld(stream);
    if (reset) stream.events?.onReset(reset);
    if (this.#failed) return;
    this.#sink.onCapacity();
    this.#checkDrained();
  }

  #remember(id: number, how: 'reset' | 'ended'): void {
    this.#recent.set(id, how);
    if (this.#recent.size <= maxRecent) return;
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest);
      return;
    }
  }

  /** Never opened yet, by either side. */
  #isIdle(streamId: number): boolean {
    if (streamId === 0) return true;
    if (this.#server) return (streamId & 1) === 0 || streamId > this.#lastPeerId;
    return (streamId & 1) === 0 || streamId >= this.#nextId;
  }

  /** Frames of this stream may still be under way: we reset it, or so long ago that nobody knows. */
  #isLate(streamId: number): boolean {
    return this.#recent.get(streamId) === 'reset';
  }

  #isPremature(stream: Http2Stream): boolean {
    return this.#server && !stream.localDone && this.#now() - stream.openedAt < this.#limits.prematureMs;
  }

  // Errors

  /** Resets a stream for what the peer did; answers whether the connection goes on. */
  #streamError(stream: Http2Stream, code: number, message: string): boolean {
    const premature = this.#isPremature(stream);
    if (!this.#writeReset(stream.id, code)) return false;
    this.#end(stream, 'reset', { code, origin: 'local', message, untouched: false });
    return !this.#failed && (this.#guard.ended(premature) || this.#flooded('stream errors'));
  }

  #writeReset(streamId: number, code: number): boolean {
    this.#writer.words(frameType.rstStream, streamId, [code]);
    this.#announce();
    return this.#guard.controlSent() || this.#flooded('resets that nobody reads');
  }

  #flooded(what: string): false {
    return this.#fail(errorCode.enhanceYourCalm, `too many ${what}`);
  }

  #fail(code: number, message: string): false {
    if (this.#failed) return false;
    this.#failed = true;
    this.#writer.words(frameType.goAway, 0, [this.#lastPeerId, code]);
    this.#announce();
    this.#resetAll(code, message);
    this.#sink.onFailure({ code, message });
    return false;
  }

  #resetAll(code: number, message: string): void {
    const reset: StreamReset = { code, origin: 'connection', message, untouched: false };
    for (const stream of this.#streams.values()) this.#end(stream, 'reset', reset);
  }

  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#sink.onOutput();
  }
}

const empty = Buffer.alloc(0);
