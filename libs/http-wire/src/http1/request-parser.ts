import { failure, type WireFailure } from '../failure.ts';
import { RequestHeaders } from '../header-list.ts';
import { latin1 } from '../latin1.ts';
import { BodyReader, type BodySink, type Framing } from './body-reader.ts';
import { isAuthority, targetByte, tokenClass } from './characters.ts';
import { defaultHeadLimits, type HeadLimits, HeadReader, incomplete, refused } from './head-reader.ts';
import { contentLengthOf, namesToken } from './field-values.ts';
import { parseTarget } from './request-target.ts';

/** A request's head with what HTTP/1.1 says about the message itself. Hop-by-hop fields are still among the headers. */
export interface Http1Request {
  readonly headers: RequestHeaders;
  readonly form: 'origin' | 'absolute' | 'authority' | 'asterisk';
  /** Minor version: 0 or 1. */
  readonly minor: number;
  readonly framing: Framing;
  /** Bytes of a body framed by length; 0 otherwise. */
  readonly contentLength: number;
  /** May the client send another request on this connection? */
  readonly keepAlive: boolean;
  /** Protocol of an upgrade asked for, lower case; empty without. CONNECT is no upgrade here. */
  readonly upgrade: string;
  /** The client waits for `100 Continue`. */
  readonly expectContinue: boolean;
}

/** Takes what a request parser finds. Calls happen inside `feed`. */
export interface RequestSink extends BodySink {
  onRequest(request: Http1Request): void;
}

/** How requests are read. */
export interface RequestParserOptions {
  readonly limits?: HeadLimits;
  /** Keep the client's spelling of header names instead of lower case (Envoy's preserve_case formatter). */
  readonly keepCase?: boolean;
  /** HTTP/1.0 is answered with 426 unless accepted. */
  readonly acceptHttp10?: boolean;
}

const space = 0x20;

/**
 * HTTP/1.1 request parser (RFC 9112): one message at a time. `feed` stops after a message; `next` begins another. A
 * refused message ends the connection: what follows cannot be trusted. CONNECT and upgrades hand the rest over raw.
 */
export class RequestParser extends HeadReader<RequestHeaders> {
  /** `head`: between or in heads; `body`; `done`: message complete, bytes left are the next one's; `failed`. */
  state: 'head' | 'body' | 'done' | 'failed' = 'head';
  readonly #sink: RequestSink;
  readonly #body: BodyReader;
  readonly #acceptHttp10: boolean;
  #form: Http1Request['form'] = 'origin';
  #minor = 1;
  #targetAuthority: string | undefined;
  #contentLength = -1;
  #chunked = false;
  #hosts = 0;
  #connection = '';
  #expect = '';
  #upgrade = '';

  constructor(sink: RequestSink, options: RequestParserOptions = {}) {
    const limits = options.limits ?? defaultHeadLimits;
    super(new RequestHeaders(), { limits, keepCase: options.keepCase ?? false, hasStartLine: true });
    this.#sink = sink;
    this.#body = new BodyReader(limits, options.keepCase ?? false);
    this.#acceptHttp10 = options.acceptHttp10 ?? true;
  }

  /** Takes bytes from `from`; answers the offset after the last one taken. Stops at `done` and at `failed`. */
  feed(bytes: Buffer, from = 0): number {
    let at = from;
    if (this.state === 'head' && at < bytes.length) {
      const end = this.readHead(bytes, at);
      if (end === incomplete) return bytes.length;
      if (end === refused) return this.#fail(bytes, this.failure!);
      at = end;
      const request = this.#finishHead();
      if (!request) return this.#fail(bytes, this.failure!);
      this.#body.begin(request.framing, request.contentLength);
      this.state = this.#body.done ? 'done' : 'body';
      this.#sink.onRequest(request);
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

  /** Begins the next message after `done`. */
  next(): void {
    this.restart(new RequestHeaders());
    this.state = 'head';
    this.#contentLength = -1;
    this.#chunked = false;
    this.#hosts = 0;
    this.#connection = '';
    this.#expect = '';
    this.#upgrade = '';
  }

  /** Is the connection between two messages, with no byte of the next? */
  get idle(): boolean {
    return this.state === 'head' && !this.begun;
  }

  #fail(bytes: Buffer, reason: WireFailure): number {
    this.failure = reason;
    this.state = 'failed';
    return bytes.length;
  }

  protected override startLine(bytes: Buffer, start: number): number {
    const length = bytes.length;
    let at = start;
    while (at < length && tokenClass[bytes[at]!] !== 0) at += 1;
    if (at >= length) return incomplete;
    if (bytes[at] !== space || at === start) return this.refuse(failure(400, 'invalid method'));
    const headers = this.headers;
    const methodLength = at - start;
    if (
      methodLength === 3 &&
      bytes[start] === 0x47 &&
      bytes[start + 1] === 0x45 &&
      bytes[start + 2] === 0x54
    ) {
      headers.method = 'GET';
    } else headers.method = latin1(bytes, start, at);
    const targetStart = (at += 1);
    while (at < length && targetByte[bytes[at]!] === 1) at += 1;
    if (at >= length) return incomplete;
    if (bytes[at] === 0x23 && at > targetStart) {
      return this.refuse(failure(400, 'fragment in the request target', 'path_normalization_failed'));
    }
    if (bytes[at] !== space || at === targetStart) return this.refuse(failure(400, 'invalid request target'));
    const target = latin1(bytes, targetStart, at);
    if (bytes[targetStart] === 0x2f && headers.method !== 'CONNECT') {
      headers.path = target;
      this.#form = 'origin';
    } else {
      const parsed = parseTarget(headers.method, target);
      if (!parsed) return this.refuse(failure(400, 'invalid request target'));
      headers.path = parsed.path;
      this.#form = parsed.form;
      this.#targetAuthority = parsed.authority;
      if (parsed.scheme) headers.scheme = parsed.scheme;
    }
    at += 1;
    if (at + 10 > length) {
      // Judged when the line is there; a line that ends early is no HTTP version.
      return bytes.indexOf(0x0a, at) < 0 ? incomplete : this.refuse(failure(400, 'invalid HTTP version'));
    }
    const named =
      bytes[at] === 0x48 &&
      bytes[at + 1] === 0x54 &&
      bytes[at + 2] === 0x54 &&
      bytes[at + 3] === 0x50 &&
      bytes[at + 4] === 0x2f;
    if (!named) return this.refuse(failure(400, 'invalid HTTP version'));
    const major = bytes[at + 5]! - 0x30;
    const digit = bytes[at + 7]! - 0x30;
    const formed = major >= 0 && major <= 9 && bytes[at + 6] === 0x2e && digit >= 0 && digit <= 9;
    if (!formed || bytes[at + 8] !== 0x0d || bytes[at + 9] !== 0x0a) {
      return this.refuse(failure(400, 'invalid HTTP version'));
    }
    if (major !== 1 || digit > 1) return this.refuse(failure(505, 'HTTP version not supported'));
    this.#minor = digit;
    return at + 10;
  }

  protected override field(name: string, bytes: Buffer, start: number, end: number): WireFailure | undefined {
    switch (name) {
      case 'host':
        this.#hosts += 1;
        if (this.#hosts > 1) return failure(400, 'more than one Host');
        return undefined;
      case 'content-length':
        if (this.#contentLength >= 0) return failure(400, 'more than one Content-Length');
        this.#contentLength = contentLengthOf(bytes, start, end);
        return this.#contentLength < 0 ? failure(400, 'invalid Content-Length') : undefined;
      case 'transfer-encoding': {
        if (this.#chunked) return failure(400, 'more than one Transfer-Encoding');
        const coding = latin1(bytes, start, end).toLowerCase();
        if (coding !== 'chunked')
          return failure(501, 'unsupported transfer coding', 'http1.invalid_transfer_encoding');
        this.#chunked = true;
        return undefined;
      }
      case 'connection':
        this.#connection += `${this.#connection && ','}${latin1(bytes, start, end).toLowerCase()}`;
        return undefined;
      case 'expect':
        this.#expect += `${this.#expect && ','}${latin1(bytes, start, end).toLowerCase()}`;
        return undefined;
      case 'upgrade':
        this.#upgrade += `${this.#upgrade && ','}${latin1(bytes, start, end).toLowerCase()}`;
        return undefined;
      default:
        return undefined;
    }
  }

  #finishHead(): Http1Request | undefined {
    const headers = this.headers;
    const objection = this.#objection();
    this.#targetAuthority = undefined;
    if (objection) {
      this.failure = objection;
      return undefined;
    }
    const connection = this.#connection;
    const keepAlive =
      this.#minor === 1
        ? !namesToken(connection, 'close')
        : namesToken(connection, 'keep-alive') && !namesToken(connection, 'close');
    const upgrades = this.#upgrade !== '' && this.#minor === 1 && namesToken(connection, 'upgrade');
    return {
      headers,
      form: this.#form,
      minor: this.#minor,
      framing: this.#chunked ? 'chunked' : this.#contentLength > 0 ? 'length' : 'none',
      contentLength: Math.max(0, this.#contentLength),
      keepAlive,
      upgrade: upgrades && headers.method !== 'CONNECT' ? this.#upgrade : '',
      expectContinue: this.#expect !== '' && this.#minor === 1,
    };
  }

  /** What is wrong with the head as a whole. */
  #objection(): WireFailure | undefined {
    const headers = this.headers;
    const authority = this.#targetAuthority;
    if (this.#minor === 0 && !this.#acceptHttp10)
      return failure(426, 'HTTP/1.0 is not accepted', 'low_version');
    if (this.#hosts === 0) {
      if (authority === undefined && this.#minor === 1)
        return failure(400, 'missing Host', 'missing_host_header');
    } else if (!isAuthority(headers.authority)) return failure(400, 'invalid Host');
    // The target's authority wins over Host (RFC 9112 3.2.2).
    if (authority !== undefined) headers.authority = authority;
    if (this.#chunked && this.#contentLength >= 0)
      return failure(400, 'Content-Length and Transfer-Encoding');
    if (this.#chunked && this.#minor === 0) return failure(400, 'Transfer-Encoding in HTTP/1.0');
    if (headers.method === 'CONNECT' && (this.#chunked || this.#contentLength > 0)) {
      return failure(400, 'CONNECT with a body');
    }
    if (this.#expect !== '' && this.#expect !== '100-continue') return failure(417, 'unknown expectation');
    return undefined;
  }
}
