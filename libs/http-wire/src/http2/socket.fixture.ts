import type { Socket } from 'node:net';
import type { HeaderList, RequestHeaders, ResponseHeaders } from '../header-list.ts';
import { Http2Connection, type Http2Options, type Http2Request, type Http2Sink } from './connection.ts';
import type { ConnectionFailure } from './error-code.ts';
import type { Http2Stream, StreamEvents, StreamReset } from './stream.ts';

/** Joins a connection to a socket as a shell does: one write a turn, back-pressure both ways. */
export function attach(
  socket: Socket,
  options: Omit<Http2Options, 'now'>,
  sink: Partial<Http2Sink>,
): Http2Connection {
  let flushed = false;
  const flush = (): void => {
    flushed = true;
    queueMicrotask(() => {
      flushed = false;
      socket.cork();
      for (const part of connection.takeOutput()) socket.write(part);
      socket.uncork();
      connection.outputTaken(socket.writableNeedDrain);
    });
  };
  const connection: Http2Connection = new Http2Connection(
    {
      onRequest: () => {
        throw new Error('no requests expected');
      },
      onGoAway() {},
      onCapacity() {},
      onDrained: () => void socket.end(),
      onFailure: () => void setImmediate(() => socket.end()),
      ...sink,
      onOutput: () => {
        if (!flushed) flush();
      },
    },
    { ...options, now: () => performance.now() },
  );
  socket.on('data', (bytes: Buffer) => connection.feed(bytes));
  socket.on('drain', () => connection.outputTaken(false));
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => connection.close());
  return connection;
}

/** Everything that a stream is told. */
export class Recorder implements StreamEvents {
  head: ResponseHeaders | undefined;
  informational: number[] = [];
  chunks: Buffer[] = [];
  bytes = 0;
  ended = false;
  trailers: HeaderList | undefined;
  resets: StreamReset[] = [];
  readonly done: Promise<void>;
  #done: () => void = () => {};
  onWritable: () => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  onInformational(headers: ResponseHeaders): void {
    this.informational.push(headers.status);
  }

  onHead(headers: ResponseHeaders): void {
    this.head = headers;
  }

  onData(bytes: Buffer): void {
    this.chunks.push(bytes);
    this.bytes += bytes.length;
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.ended = true;
    this.trailers = trailers;
    this.#done();
  }

  onReset(reset: StreamReset): void {
    this.resets.push(reset);
    this.#done();
  }
}

/** What a connection without a socket was told, and how to drive it. */
export class Bench {
  readonly connection: Http2Connection;
  readonly requests: { stream: Http2Stream; request: Http2Request; events: Recorder }[] = [];
  failure: ConnectionFailure | undefined;
  drained = 0;
  goAways: number[] = [];
  time = 0;

  constructor(
    options: Omit<Http2Options, 'now'>,
    onRequest?: (stream: Http2Stream, request: Http2Request) => void,
  ) {
    this.connection = new Http2Connection(
      {
        onRequest: (stream, request) => {
          const events = new Recorder();
          this.requests.push({ stream, request, events });
          onRequest?.(stream, request);
          return events;
        },
        onOutput() {},
        onGoAway: (code) => void this.goAways.push(code),
        onCapacity() {},
        onDrained: () => {
          this.drained += 1;
        },
        onFailure: (failure) => {
          this.failure = failure;
        },
      },
      { ...options, now: () => this.time },
    );
  }

  /** All output so far. */
  output(): Buffer {
    const parts: Buffer[] = [];
    for (let taken = this.connection.takeOutput(); taken.length > 0; taken = this.connection.takeOutput()) {
      parts.push(...taken);
      this.connection.outputTaken(false);
    }
    return Buffer.concat(parts);
  }

  open(headers: RequestHeaders, end = true): { stream: Http2Stream; events: Recorder } {
    const events = new Recorder();
    return { stream: this.connection.open(headers, events, { end })!, events };
  }
}

/** Carries bytes between two connections until neither has any. */
export function exchange(one: Bench, other: Bench): void {
  for (;;) {
    const there = one.output();
    const back = other.output();
    if (there.length === 0 && back.length === 0) return;
    if (there.length > 0) other.connection.feed(there);
    if (back.length > 0) one.connection.feed(back);
  }
}

/** Frames in bytes: type, flags, stream and payload. */
export function framesOf(bytes: Buffer): { type: number; flags: number; id: number; payload: Buffer }[] {
  const frames = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, id: bytes.readUInt32BE(at + 5), payload });
    at += 9 + length;
  }
  return frames;
}

/** A frame as bytes. */
export function frame(type: number, flags: number, id: number, payload: string | Buffer = ''): Buffer {
  const content = typeof payload === 'string' ? Buffer.from(payload, 'hex') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, content]);
}
