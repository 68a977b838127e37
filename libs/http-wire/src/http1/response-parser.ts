import { failure, type WireFailure } from '../failure.ts';
import { ResponseHeaders } from '../header-list.ts';
import { latin1 } from '../latin1.ts';
import { BodyReader, type BodySink, type Framing } from './body-reader.ts';
import { valueByte } from './characters.ts';
import { contentLengthOf, namesToken } from './field-values.ts';
import { defaultHeadLimits, type HeadLimits, HeadReader, incomplete, refused } from './head-reader.ts';

/** A response's head with what HTTP/1.1 says about the message itself. Hop-by-hop fields are still among the headers. */
export interface Http1Response {
  readonly headers: ResponseHeaders;
  readonly minor: number;
  readonly framing: Framing;
  readonly contentLength: number;
  /** May the connection carry another request afterwards? */
  readonly keepAlive: boolean;
  /** 101, or 2xx to CONNECT: what follows are raw bytes until the connection ends. */
  readonly tunnel: boolean;
}

/** Takes what a response parser finds. Calls happen inside `feed`. */
export interface ResponseSink extends BodySink {
  /** 1xx other than 101. */
  onInformational(headers: ResponseHeaders): void;
  onResponse(response: Http1Response): void;
}

/** How responses are read. */
export interface ResponseParserOptions {
  readonly limits?: HeadLimits;
  readonly keepCase?: boolean;
  /** 1xx responses before the final one; more are refused. */
  readonly maxInformational?: number;
}

/** What the request was: decides whether the answer has a body. */
export interface ExpectedResponse {
  readonly method: string;
  /** An upgrade was asked for, so 101 may come. */
  readonly upgrade: boolean;
}

const space = 0x20;
const defaultMaxInformational = 32;

/** HTTP/1.1 response parser (RFC 9112), the twin of `RequestParser`. Failures carry status 502. */
export class ResponseParser extends HeadReader<ResponseHeaders> {
  state: 'idle' | 'head' | 'body' | 'done' | 'failed' = 'idle';
  readonly #sink: ResponseSink;
  readonly #body: BodyReader;
  readonly #maxInformational: number;
  #expected: ExpectedResponse = { method: 'GET', upgrade: false };
  #informational = 0;
  #minor = 1;
  #contentLength = -1;
  #chunked = false;
  #connection = '';

  constructor(sink: ResponseSink, options: ResponseParserOptions = {}) {
    const limits = options.limits ?? defaultHeadLimits;
    super(new ResponseHeaders(), { limits, keepCase: options.keepCase ?? false, hasStartLine: true });
    this.#sink = sink;
    this.#body = new BodyReader(limits, options.keepCase ?? false);
    this.#maxInformational = options.maxInformational ?? defaultMaxInformational;
  }

  /** Begins the answer to a request. */
  expect(expected: ExpectedResponse): void {
    this.#expected = expected;
    this.#informational = 0;
    this.#restart();
  }

  /** Takes bytes from `from`; answers the offset after the last one taken. Stops at `done` and at `failed`. */
  feed(bytes: Buffer, from = 0): number {
    let at = from;
    while (this.state === 'head' && at < bytes.length) {
      const end = this.readHead(bytes, at);
      if (end === incomplete) return bytes.length;
      if (end === refused) return this.#fail(bytes, this.failure!);
      at = end;
      const headers = this.headers;
      if (headers.status < 200 && headers.status !== 101) {
        this.#informational += 1;
        if (this.#informational > this.#maxInformational) {
          return this.#fail(bytes, failure(502, 'too many informational responses'));
        }
        this.#restart();
        this.#sink.onInformational(headers);
        continue;
      }
      const response = this.#finishHead();
      if (!response) return this.#fail(bytes, this.failure!);
      this.#body.begin(response.framing, response.contentLength);
      this.state = this.#body.done ? 'done' : 'body';
      this.#sink.onResponse(response);
      if (this.#body.done) {
        this.#sink.onEnd(undefined);
        return at;
      }
    }
    if (this.state === 'body' && at < bytes.length) {
      const end = this.#body.read(bytes, at, this.#sink);
      if (end === refused) return this.#fail(bytes, this.#body.failure!);
      if (this.#body.done) this.state = 'done';
      return end;
    }
    return at;
  }

  /** The connection ended. `true`: that was the end of a body framed by it, `onEnd` was called. */
  close(): boolean {
    if (this.state !== 'body' || !this.#body.untilClose) return false;
    this.#body.close();
    this.state = 'done';
    this.#sink.onEnd(undefined);
    return true;
  }

  #restart(): void {
    this.restart(new ResponseHeaders());
    this.state = 'head';
    this.#minor = 1;
    this.#contentLength = -1;
    this.#chunked = false;
    this.#connection = '';
  }

  #fail(bytes: Buffer, reason: WireFailure): number {
    this.failure = { ...reason, status: 502 };
    this.state = 'failed';
    return bytes.length;
  }

  protected override startLine(bytes: Buffer, start: number): number {
    const length = bytes.length;
    if (start + 13 > length) {
      return bytes.indexOf(0x0a, start) < 0 ? incomplete : this.refuse(failure(502, 'invalid status line'));
    }
    const http1 =
      bytes[start] === 0x48 &&
      bytes[start + 1] === 0x54 &&
      bytes[start + 2] === 0x54 &&
      bytes[start + 3] === 0x50 &&
      bytes[start + 4] === 0x2f &&
      bytes[start + 5] === 0x31 &&
      bytes[start + 6] === 0x2e &&
      bytes[start + 8] === space;
    const minor = bytes[start + 7]! - 0x30;
    const hundreds = bytes[start + 9]! - 0x30;
    const tens = bytes[start + 10]! - 0x30;
    const ones = bytes[start + 11]! - 0x30;
    const digits = hundreds >= 1 && hundreds <= 5 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
    if (!http1 || minor < 0 || minor > 1 || !digits) return this.refuse(failure(502, 'invalid status line'));
    let at = start + 12;
    // The reason phrase may be missing, its space too (servers do that).
    if (bytes[at] !== space && bytes[at] !== 0x0d) return this.refuse(failure(502, 'invalid status line'));
    while (at < length && valueByte[bytes[at]!] === 1) at += 1;
    if (at + 1 >= length)
      return at < length && bytes[at] !== 0x0d
        ? this.refuse(failure(502, 'invalid status line'))
        : incomplete;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) return this.refuse(failure(502, 'invalid status line'));
    this.headers.status = hundreds * 100 + tens * 10 + ones;
    this.#minor = minor;
    return at + 2;
  }

  protected override field(name: string, bytes: Buffer, start: number, end: number): WireFailure | undefined {
    switch (name) {
      case 'content-length':
        if (this.#contentLength >= 0) return failure(502, 'more than one Content-Length');
        this.#contentLength = contentLengthOf(bytes, start, end);
        return this.#contentLength < 0 ? failure(502, 'invalid Content-Length') : undefined;
      case 'transfer-encoding': {
        if (this.#chunked) return failure(502, 'more than one Transfer-Encoding');
        const coding = latin1(bytes, start, end).toLowerCase();
        if (coding !== 'chunked') return failure(502, 'unsupported transfer coding');
        this.#chunked = true;
        return undefined;
      }
      case 'connection':
        this.#connection += `${this.#connection && ','}${latin1(bytes, start, end).toLowerCase()}`;
        return undefined;
      default:
        return undefined;
    }
  }

  #finishHead(): Http1Response | undefined {
    const headers = this.headers;
    const { status } = headers;
    const { method, upgrade } = this.#expected;
    if (this.#chunked && this.#contentLength >= 0) {
      this.failure = failure(502, 'Content-Length and Transfer-Encoding');
      return undefined;
    }
    if (this.#chunked && this.#minor === 0) {
      this.failure = failure(502, 'Transfer-Encoding in HTTP/1.0');
      return undefined;
    }
    if (status === 101 && !upgrade) {
      this.failure = failure(502, 'switched protocols without being asked to');
      return undefined;
    }
    const tunnel = status === 101 || (method === 'CONNECT' && status >= 200 && status < 300);
    let framing: Framing;
    if (tunnel) framing = 'close';
    else if (method === 'HEAD' || status === 204 || status === 304) framing = 'none';
    else if (this.#chunked) framing = 'chunked';
    else if (this.#contentLength >= 0) framing = this.#contentLength > 0 ? 'length' : 'none';
    else framing = 'close';
    const connection = this.#connection;
    const persistent =
      this.#minor === 1
        ? !namesToken(connection, 'close')
        : namesToken(connection, 'keep-alive') && !namesToken(connection, 'close');
    return {
      headers,
      minor: this.#minor,
      framing,
      contentLength: Math.max(0, this.#contentLength),
      keepAlive: persistent && framing !== 'close',
      tunnel,
    };
  }
}
