/** What is not DER, or not the DER that was expected. Stays inside this room: callers get a complaint. */
export class DerError extends Error {}

/** Identifier octets (X.690 section 8.1.2) of the types that certificates use. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 | octets.length, ...octets]);
}

/** One element of the given tag around the parts. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  return Buffer.concat([Buffer.from([tag]), lengthOctets(length), ...parts]);
}

/** SEQUENCE of the parts. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(derTag.sequence, ...parts);
}

/** OBJECT IDENTIFIER from its dotted text. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...arcs]) {
    const group = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
      group.unshift(0x80 | (rest % 128));
    octets.push(...group);
  }
  return element(derTag.oid, Buffer.from(octets));
}

/** INTEGER of an unsigned big-endian number. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = bytes.subarray(start);
  return element(derTag.integer, ...((digits[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : []), digits);
}

/** BIT STRING; `unusedBits` of the last octet don't count. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return element(derTag.bitString, Buffer.from([unusedBits]), bytes);
}

/** Time as RFC 5280 section 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050, whole seconds. */
export function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().slice(0, 19).replace(/[-:T]/g, '');
  const utc = Number(digits.slice(0, 4)) < 2050;
  const text = `${utc ? digits.slice(2) : digits}Z`;
  return element(utc ? derTag.utcTime : derTag.generalizedTime, Buffer.from(text, 'ascii'));
}

/** An element as it was read. */
export interface DerElement {
  readonly tag: number;
  /** The whole element, identifier and length included. */
  readonly bytes: Buffer;
  readonly content: Buffer;
}

/** Reads elements one after the other. Definite, minimal lengths and one-octet tags only. */
export class DerReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Tag of the next element; `undefined` at the end. */
  get peek(): number | undefined {
    return this.#bytes[this.#offset];
  }

  /** The next element. @throws DerError when it is cut off, malformed or of another tag. */
  next(tag?: number): DerElement {
    const bytes = this.#bytes;
    const start = this.#offset;
    const found = bytes[start];
    const first = bytes[start + 1];
    if (found === undefined || first === undefined) throw new DerError('the data is cut off');
    if (tag !== undefined && found !== tag) throw new DerError(`unexpected element 0x${found.toString(16)}`);
    if ((found & 0x1f) === 0x1f) throw new DerError('an element has a long tag');
    let at = start + 2;
    let length = first;
    if (first >= 0x80) {
      const count = first & 0x7f;
      if (count === 0 || count > 3) throw new DerError('an element has an indefinite or absurd length');
      if (at + count > bytes.length) throw new DerError('the data is cut off');
      length = bytes.readUIntBE(at, count);
      if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length is not minimal');
      at += count;
    }
    if (at + length > bytes.length) throw new DerError('the data is cut off');
    this.#offset = at + length;
    return {
      tag: found,
      bytes: bytes.subarray(start, at + length),
      content: bytes.subarray(at, at + length),
    };
  }

  /** Reader of the next element's content. */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).content);
  }

  /** @throws DerError when something follows. */
  end(): void {
    if (this.#offset !== this.#bytes.length) throw new DerError('data follows the end');
  }
}

/** Dotted text of an OBJECT IDENTIFIER's content. */
export function oidText(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of content) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [head = 0, ...rest] = arcs;
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - first * 40, ...rest].join('.');
}
