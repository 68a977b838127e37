import { failure, type WireFailure } from '../failure.ts';
import { HeaderList } from '../header-list.ts';
import { hexValue } from './characters.ts';
import { type HeadLimits, HeadReader, refused } from './head-reader.ts';

/** How long a body is (RFC 9112 6): a number of bytes, chunks, or until the connection closes. */
export type Framing = 'none' | 'length' | 'chunked' | 'close';

/** Takes a body: pieces as they come, then its end once. Pieces belong to the taker. */
export interface BodySink {
  onData(bytes: Buffer): void;
  onEnd(trailers: HeaderList | undefined): void;
}

/** Size line digits that are read; more could not be a size below 2^53. */
const maxSizeDigits = 16;
/** Chunk extensions that one message may carry in all, bytes. */
const maxExtensionBytes = 16 * 1024;
const forbiddenTrailers = new Set([
  'content-length',
  'transfer-encoding',
  'host',
  'connection',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'authorization',
  'content-encoding',
  'content-type',
]);

class TrailerReader extends HeadReader<HeaderList> {
  constructor(limits: HeadLimits, keepCase: boolean) {
    super(new HeaderList(), { limits, keepCase, hasStartLine: false });
  }

  protected override startLine(): number {
    return refused;
  }

  protected override field(): undefined {
    return undefined;
  }

  read(bytes: Buffer, from: number): number {
    return this.readHead(bytes, from);
  }

  /** The fields, without those that could change a message's meaning after the fact (RFC 9110 6.5.1). */
  take(): HeaderList | undefined {
    const trailers = this.headers;
    trailers.deleteWhere((name) => forbiddenTrailers.has(name));
    return trailers.size > 0 ? trailers : undefined;
  }
}

type State =
  | 'length'
  | 'close'
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailers'
  | 'done';

/** Reads message bodies: by length, chunked (strict: CRLF only, hex digits only, extensions dropped), until close. */
export class BodyReader {
  failure: WireFailure | undefined;
  readonly #limits: HeadLimits;
  readonly #keepCase: boolean;
  #state: State = 'done';
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailers: TrailerReader | undefined;

  constructor(limits: HeadLimits, keepCase: boolean) {
    this.#limits = limits;
    this.#keepCase = keepCase;
  }

  /** Begins a body. `length` counts for framing `length` alone. */
  begin(framing: Framing, length: number): void {
    this.failure = undefined;
    if (framing === 'chunked') {
      this.#state = 'size';
      this.#left = 0;
      this.#digits = 0;
      this.#extensionBytes = 0;
    } else if (framing === 'close') this.#state = 'close';
    else {
      this.#left = framing === 'length' ? length : 0;
      this.#state = this.#left > 0 ? 'length' : 'done';
    }
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Does the body end with the connection? */
  get untilClose(): boolean {
    return this.#state === 'close';
  }

  /** Ends a body that lasts until the connection closes. */
  close(): void {
    this.#state = 'done';
  }

  /** Takes bytes from `from`; answers the offset after what was taken, or `refused`. Calls `onEnd` at the body's end. */
  read(bytes: Buffer, from: number, sink: BodySink): number {
    const length = bytes.length;
    let at = from;
    while (at < length) {
      switch (this.#state) {
        case 'done':
          return at;
        case 'close':
          sink.onData(at === 0 ? bytes : bytes.subarray(at));
          return length;
        case 'length':
        case 'data': {
          const end = Math.min(length, at + this.#left);
          this.#left -= end - at;
          const piece = at === 0 && end === length ? bytes : bytes.subarray(at, end);
          at = end;
          if (this.#left > 0) {
            sink.onData(piece);
            return at;
          }
          if (this.#state === 'data') {
            this.#state = 'data-cr';
            sink.onData(piece);
            break;
          }
          this.#state = 'done';
          sink.onData(piece);
          sink.onEnd(undefined);
          return at;
        }
        case 'size': {
          const byte = bytes[at]!;
          const digit = hexValue[byte]!;
          if (digit !== 255) {
            this.#left = this.#left * 16 + digit;
            this.#digits += 1;
            if (this.#digits > maxSizeDigits || this.#left > Number.MAX_SAFE_INTEGER)
              return this.#refuse('chunk too large');
          } else if (this.#digits === 0) return this.#refuse('invalid chunk size');
          else if (byte === 0x0d) this.#state = 'size-lf';
          else if (byte === 0x3b) this.#state = 'extension';
          else return this.#refuse('invalid chunk size');
          at += 1;
          break;
        }
        case 'extension': {
          const byte = bytes[at]!;
          if (byte === 0x0d) this.#state = 'size-lf';
          else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f)
            return this.#refuse('invalid chunk extension');
          else if (++this.#extensionBytes > maxExtensionBytes)
            return this.#refuse('chunk extensions too large');
          at += 1;
          break;
        }
        case 'size-lf':
          if (bytes[at] !== 0x0a) return this.#refuse('chunk size not ended by CRLF');
          at += 1;
          this.#digits = 0;
          if (this.#left === 0) {
            this.#state = 'trailers';
            this.#trailers = undefined;
          } else this.#state = 'data';
          break;
        case 'data-cr':
          if (bytes[at] !== 0x0d) return this.#refuse('chunk not ended by CRLF');
          this.#state = 'data-lf';
          at += 1;
          break;
        case 'data-lf':
          if (bytes[at] !== 0x0a) return this.#refuse('chunk not ended by CRLF');
          this.#state = 'size';
          at += 1;
          break;
        case 'trailers': {
          if (!this.#trailers) {
            // The usual end: no trailers, both bytes at hand.
            if (at + 1 < length && bytes[at] === 0x0d && bytes[at + 1] === 0x0a) {
              this.#state = 'done';
              sink.onEnd(undefined);
              return at + 2;
            }
            this.#trailers = new TrailerReader(this.#limits, this.#keepCase);
          }
          const end = this.#trailers.read(bytes, at);
          if (end === refused) {
            this.failure = this.#trailers.failure;
            return refused;
          }
          if (end < 0) return length;
          this.#state = 'done';
          const trailers = this.#trailers.take();
          this.#trailers = undefined;
          sink.onEnd(trailers);
          return end;
        }
      }
    }
    return at;
  }

  #refuse(message: string): number {
    this.failure = failure(400, message);
    return refused;
  }
}
