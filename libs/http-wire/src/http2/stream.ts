import type { HeaderList, RequestHeaders, ResponseHeaders } from '../header-list.ts';

/** How a stream ended before its time. */
export interface StreamReset {
  /** One of `errorCode`. */
  readonly code: number;
  /** Who ended it: the peer by RST_STREAM, we because of what the peer sent, or the end of the connection. */
  readonly origin: 'peer' | 'local' | 'connection';
  readonly message: string;
  /** The peer has surely not acted on the request (REFUSED_STREAM, or beyond its GOAWAY). */
  readonly untouched: boolean;
}

/** Told what the peer sends on a stream. After `onReset` nothing more comes; after `onEnd` only `onReset` and `onWritable`. */
export interface StreamEvents {
  /** An interim response (1xx); clients alone are told. */
  onInformational(headers: ResponseHeaders): void;
  /** The response's head; clients alone are told. `end`: no body; `onEnd` follows. */
  onHead(headers: ResponseHeaders, end: boolean): void;
  /** Content; the bytes are a view of what was fed, and the taker's. */
  onData(bytes: Buffer): void;
  onEnd(trailers: HeaderList | undefined): void;
  onReset(reset: StreamReset): void;
  /** All that was sent has gone out: more may come. */
  onWritable(): void;
}

/** The connection's side of its streams. */
export interface StreamOwner {
  sendHead(stream: Http2Stream, headers: RequestHeaders | ResponseHeaders, end: boolean): void;
  sendQueued(stream: Http2Stream): void;
  resetStream(stream: Http2Stream, code: number): void;
  creditStream(stream: Http2Stream): void;
  isWaiting(stream: Http2Stream): boolean;
}

/** One stream (RFC 9113 5): commands here, events by `StreamEvents`. Commands after its end are without effect. */
export class Http2Stream {
  readonly id: number;
  /** Milliseconds of the connection's clock. */
  readonly openedAt: number;
  events: StreamEvents | undefined;
  /** END_STREAM sent. */
  localDone = false;
  /** END_STREAM received. */
  remoteDone = false;
  over = false;
  headSent = false;
  headReceived = false;
  /** Bytes that the peer lets us send. */
  sendWindow: number;
  /** Bytes that we let the peer send. */
  receiveWindow: number;
  /** Received and not yet credited: to this stream, and of that to the connection. */
  uncredited = 0;
  heldCredit = 0;
  paused = false;
  /** Content-Length of what is received; -1: anything goes. */
  expected = -1;
  received = 0;
  /** The request was HEAD: its response has a length and no body. */
  head = false;
  /** Content that windows or the transport hold back. */
  queue: Buffer[] = [];
  endQueued = false;
  trailers: HeaderList | undefined;
  /** Reset with NO_ERROR once all is sent: the rest of the request is of no interest. */
  dropRest = false;
  readonly #owner: StreamOwner;

  constructor(owner: StreamOwner, id: number, windows: { send: number; receive: number; openedAt: number }) {
    this.#owner = owner;
    this.id = id;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
    this.openedAt = windows.openedAt;
  }

  /** Sends a response's head, interim ones (1xx) included. `end`: no body and no trailers follow. */
  sendHead(headers: ResponseHeaders, end: boolean): void {
    if (this.over || this.localDone || this.headSent) return;
    this.headSent = headers.status >= 200;
    this.#owner.sendHead(this, headers, end);
  }

  /** Sends content; the bytes belong to the stream from now on. `false`: hold back until `onWritable`. */
  sendData(bytes: Buffer): boolean {
    if (this.over || this.localDone || this.endQueued) return true;
    if (bytes.length > 0) {
      this.queue.push(bytes);
      this.#owner.sendQueued(this);
    }
    return !this.#owner.isWaiting(this);
  }

  /** Ends what we send, with trailers if there are any. */
  sendEnd(trailers?: HeaderList): void {
    if (this.over || this.localDone || this.endQueued) return;
    this.endQueued = true;
    this.trailers = trailers && trailers.size > 0 ? trailers : undefined;
    this.#owner.sendQueued(this);
  }

  /** Ends the stream at once; no event follows. `code` is one of `errorCode`. */
  reset(code: number): void {
    if (!this.over) this.#owner.resetStream(this, code);
  }

  /** Nobody wants what the peer still sends: the stream is reset with NO_ERROR when our side is complete. */
  discard(): void {
    this.dropRest = true;
    if (!this.over && this.localDone && !this.remoteDone) this.#owner.resetStream(this, 0);
  }

  /** Gives the peer no further credit: at most the window is still delivered. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (!this.over) this.#owner.creditStream(this);
  }
}
