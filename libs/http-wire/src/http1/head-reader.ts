import { failure, type WireFailure } from '../failure.ts';
import { HeaderList, hashStep, nameOf } from '../header-list.ts';
import { latin1 } from '../latin1.ts';
import { tokenClass, valueByte } from './characters.ts';

/** Bounds of a message head. */
export interface HeadLimits {
  /** Start line and fields together, bytes. */
  readonly maxHeadBytes: number;
  /** Fields. */
  readonly maxHeaders: number;
}

/** Envoy's defaults: 60 KiB, 100 fields. */
export const defaultHeadLimits: HeadLimits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

/** A line that has not arrived whole. */
export const incomplete = -1;
/** A line that was refused; the reason is in `failure`. */
export const refused = -2;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const maxEmptyLines = 4;

/**
 * Reads a start line and header fields (RFC 9112 2–5) in one pass over the bytes. Lines end in CRLF and nothing else.
 * What is refused, and where in the stream, doesn't depend on how the bytes were split: a line is judged when its
 * line feed is there, and no byte is looked at more than a bounded number of times.
 */
export abstract class HeadReader<H extends HeaderList> {
  failure: WireFailure | undefined;
  protected headers: H;
  readonly #limits: HeadLimits;
  readonly #keepCase: boolean;
  readonly #hasStartLine: boolean;
  #startLineRead: boolean;
  #emptyLines = 0;
  #held: Buffer | undefined;
  #heldLength = 0;
  /** Where the line under way begins, from the head's first byte. */
  #lineStart = 0;
  #waitsForLine = false;

  constructor(headers: H, options: { limits: HeadLimits; keepCase: boolean; hasStartLine: boolean }) {
    this.headers = headers;
    this.#limits = options.limits;
    this.#keepCase = options.keepCase;
    this.#hasStartLine = options.hasStartLine;
    this.#startLineRead = !options.hasStartLine;
  }

  /** Parses the start line at `start`: offset after its CRLF, `incomplete` or `refused`. Places count from `base`. */
  protected abstract startLine(bytes: Buffer, start: number, base: number): number;

  /** Told of each field whose name has a meaning for framing; places are in `bytes`. Answers a failure to refuse it. */
  protected abstract field(name: string, bytes: Buffer, start: number, end: number): WireFailure | undefined;

  /** Prepares for the next head. */
  protected restart(headers: H): void {
    this.headers = headers;
    this.failure = undefined;
    this.#startLineRead = !this.#hasStartLine;
    this.#emptyLines = 0;
    this.#heldLength = 0;
    this.#held = undefined;
    this.#lineStart = 0;
    this.#waitsForLine = false;
  }

  /** Has any byte of this head arrived? */
  get begun(): boolean {
    return this.#heldLength > 0;
  }

  /**
   * Takes bytes from offset `from`. Answers the offset after the head when it is complete, `incomplete` when all bytes
   * were taken and more are needed, or `refused`.
   */
  protected readHead(bytes: Buffer, from: number): number {
    if (this.#heldLength === 0) {
      const end = this.#lines(bytes, from);
      if (end >= 0) this.headers.bindSource(this.headText(bytes, from, end));
      else if (end === incomplete && from < bytes.length) this.#hold(bytes, from, bytes.length);
      return end;
    }
    const before = this.#heldLength;
    const room = this.#limits.maxHeadBytes + 1 - before;
    this.#hold(bytes, from, Math.min(bytes.length, from + room));
    const held = this.#held!.subarray(0, this.#heldLength);
    if (this.#waitsForLine && held.indexOf(lineFeed, before) < 0) return this.#unfinished(held.length);
    const end = this.#lines(held, 0);
    if (end < 0) return end;
    this.headers.bindSource(this.headText(held, 0, end));
    return from + end - before;
  }

  /** Text that the places of this head's fields refer to. */
  protected headText(bytes: Buffer, start: number, end: number): string {
    return latin1(bytes, start, end);
  }

  #hold(bytes: Buffer, from: number, end: number): void {
    const needed = this.#heldLength + end - from;
    if (this.#held === undefined || this.#held.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(1024, needed * 2));
      this.#held?.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#heldLength, from, end);
    this.#heldLength = needed;
  }

  #lines(bytes: Buffer, base: number): number {
    const { maxHeadBytes, maxHeaders } = this.#limits;
    for (;;) {
      const start = base + this.#lineStart;
      // No message begins with such a byte: there is nothing to wait for.
      if (!this.#startLineRead && start < bytes.length) {
        const first = bytes[start]!;
        if (tokenClass[first] === 0 && first !== carriageReturn)
          return this.refuse(failure(400, 'invalid start line'));
      }
      let next: number;
      if (start + 1 < bytes.length && bytes[start] === carriageReturn && bytes[start + 1] === lineFeed) {
        next = start + 2;
        if (next - base > maxHeadBytes) return this.#tooLarge();
        if (this.#startLineRead) return next;
        this.#emptyLines += 1;
        if (this.#emptyLines > maxEmptyLines)
          return this.refuse(failure(400, 'empty lines instead of a start line'));
        this.#lineStart = next - base;
        continue;
      }
      next = this.#startLineRead ? this.#fieldLine(bytes, start, base) : this.startLine(bytes, start, base);
      if (next === refused) {
        const end = bytes.indexOf(lineFeed, start);
        if (end < 0) next = incomplete;
        else if (end + 1 - base > maxHeadBytes) return this.#tooLarge();
        else return refused;
      }
      if (next === incomplete) return this.#unfinished(bytes.length - base);
      if (next - base > maxHeadBytes) return this.#tooLarge();
      if (this.headers.size > maxHeaders) {
        return this.refuse(failure(431, `more than ${maxHeaders} header fields`, 'http1.too_many_headers'));
      }
      this.#lineStart = next - base;
      this.#startLineRead = true;
    }
  }

  #unfinished(length: number): number {
    this.failure = undefined;
    if (length > this.#limits.maxHeadBytes) return this.#tooLarge();
    this.#waitsForLine = length > this.#lineStart;
    return incomplete;
  }

  #tooLarge(): number {
    return this.refuse(
      failure(431, `head is larger than ${this.#limits.maxHeadBytes} bytes`, 'http1.headers_too_large'),
    );
  }

  protected refuse(reason: WireFailure): number {
    this.failure = reason;
    return refused;
  }

  #fieldLine(bytes: Buffer, start: number, base: number): number {
    const length = bytes.length;
    let at = start;
    let hash = 0;
    let upperCase = false;
    for (; at < length; at += 1) {
      let byte = bytes[at]!;
      const kind = tokenClass[byte]!;
      if (kind === 0) break;
      if (kind === 2) {
        byte |= 0x20;
        if (this.#keepCase) upperCase = true;
        else bytes[at] = byte; // the line will be written with a lower-case name: fold it where it stands
      }
      hash = hashStep(hash, byte);
    }
    if (at >= length) return incomplete;
    if (bytes[at] !== 0x3a || at === start) {
      const byte = bytes[at]!;
      if (at === start && (byte === 0x20 || byte === 0x09))
        return this.refuse(failure(400, 'folded header line'));
      return this.refuse(failure(400, 'invalid header name'));
    }
    const spelling = upperCase ? latin1(bytes, start, at) : undefined;
    const name = spelling?.toLowerCase() ?? nameOf(bytes, start, at, hash);
    let plain = bytes[at + 1] === 0x20;
    at += 1;
    while (at < length && (bytes[at] === 0x20 || bytes[at] === 0x09)) at += 1;
    const valueStart = at;
    if (plain && valueStart !== start + name.length + 2) plain = false;
    while (at < length && valueByte[bytes[at]!] === 1) at += 1;
    if (at + 1 >= length) return at < length && bytes[at] !== carriageReturn ? this.#badValue() : incomplete;
    if (bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) return this.#badValue();
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === 0x20 || bytes[valueEnd - 1] === 0x09))
      valueEnd -= 1;
    if (valueEnd !== at) plain = false;
    const objection = this.field(name, bytes, valueStart, valueEnd);
    if (objection) return this.refuse(objection);
    this.headers.take(name, spelling, valueStart - base, valueEnd - base, plain);
    return at + 2;
  }

  #badValue(): number {
    return this.refuse(failure(400, 'invalid byte in a header value'));
  }
}
