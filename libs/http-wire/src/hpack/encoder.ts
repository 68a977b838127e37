import { huffmanEncode, huffmanLength } from './huffman.ts';
import { staticTable } from './static-table.ts';

/** Secrets: never in a table, here or on any hop after us (RFC 7541 7.1.3). */
const secret = new Set(['authorization', 'proxy-authorization', 'x-forwarded-client-cert']);
/** Values that hardly ever come again: an entry would only push others out. */
const fleeting = new Set([
  ':path', 'age', 'content-length', 'content-range', 'date', 'etag', 'expires', 'grpc-timeout', 'if-match',
  'if-modified-since', 'if-none-match', 'last-modified', 'location', 'range', 'set-cookie', 'traceparent',
  'x-b3-parentspanid', 'x-b3-spanid', 'x-b3-traceid', 'x-envoy-expected-rq-timeout-ms',
  'x-envoy-upstream-service-time', 'x-request-id',
]); // biome-ignore format: a list reads better filled

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
  /** Insertion number; the entry's index follows from the newest one's. */
  readonly serial: number;
}

/** Of one name: where it stands in the static table, and its dynamic entries, oldest first. */
interface Known {
  readonly staticFields: readonly { readonly index: number; readonly value: string }[];
  readonly policy: 'index' | 'plain' | 'never';
  entries: Entry[];
}

const staticCount = staticTable.length;
const staticOf = new Map<string, { index: number; value: string }[]>();
staticTable.forEach((field, at) => {
  const fields = staticOf.get(field.name);
  const place = { index: at + 1, value: field.value };
  if (fields) fields.push(place);
  else staticOf.set(field.name, [place]);
});

function policyOf(name: string): Known['policy'] {
  if (secret.has(name)) return 'never';
  return fleeting.has(name) ? 'plain' : 'index';
}

/** Names that are remembered without an entry; beyond, they are looked at anew. */
const maxKnown = 512;
/** Entries of one name that are compared, newest first. */
const maxCompared = 8;

/** How an encoder writes. */
export interface HpackEncoderOptions {
  /** Most bytes that our table takes, however much the peer allows. */
  readonly maxTableBytes?: number;
  /** Huffman code where it is shorter. Without: quicker on both sides, a quarter larger. */
  readonly huffman?: boolean;
}

/** HPACK encoder of one direction of a connection (RFC 7541). Text is latin1; other characters are written as `?`. */
export class HpackEncoder {
  #target: Buffer = Buffer.allocUnsafeSlow(1024);
  #at = 0;
  readonly #huffman: boolean;
  readonly #own: number;
  readonly #known = new Map<string, Known>();
  readonly #order: Entry[] = [];
  #oldest = 0;
  #serial = 0;
  #bytes = 0;
  #allowed: number;
  /** Smallest limit since the last block, to be told with the next one; -1: nothing to tell. */
  #lowest = -1;

  constructor(options: HpackEncoderOptions = {}) {
    this.#own = options.maxTableBytes ?? 4096;
    this.#allowed = Math.min(4096, this.#own);
    this.#huffman = options.huffman ?? true;
    if (this.#allowed < 4096) this.#lowest = this.#allowed;
  }

  /** Takes over the peer's SETTINGS_HEADER_TABLE_SIZE; the next block tells it. */
  setTableLimit(bytes: number): void {
    const allowed = Math.min(bytes, this.#own);
    if (allowed === this.#allowed) return;
    this.#lowest = this.#lowest < 0 ? allowed : Math.min(this.#lowest, allowed);
    this.#allowed = allowed;
    this.#evict(allowed);
  }

  /** Begins a block. */
  begin(): void {
    this.#at = 0;
    if (this.#lowest < 0) return;
    if (this.#lowest < this.#allowed) this.#integer(0x20, 5, this.#lowest);
    this.#integer(0x20, 5, this.#allowed);
    this.#lowest = -1;
  }

  /** Adds a field to the block; the name is lower case. */
  add(name: string, value: string): void {
    const known = this.#knownOf(name);
    let nameIndex = 0;
    for (const field of known.staticFields) {
      if (field.value === value && value !== '') return this.#integer(0x80, 7, field.index);
      nameIndex = known.staticFields[0]!.index;
    }
    const { entries, policy } = known;
    const last = entries.length - 1;
    for (let at = last; at >= 0 && at > last - maxCompared; at -= 1) {
      const entry = entries[at]!;
      if (entry.value === value) return this.#integer(0x80, 7, this.#indexOf(entry));
    }
    if (nameIndex === 0 && last >= 0) nameIndex = this.#indexOf(entries[last]!);
    const size = name.length + value.length + 32;
    // A cookie this short could be guessed byte by byte through the table.
    const guessable = name === 'cookie' && value.length < 20;
    const kept = policy === 'index' && !guessable && size * 2 <= this.#allowed;
    if (kept) this.#integer(0x40, 6, nameIndex);
    else this.#integer(policy === 'never' || guessable ? 0x10 : 0x00, 4, nameIndex);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
    if (kept) this.#insert(known, { name, value, size, serial: this.#serial });
  }

  /** The block; valid until the next `begin`. */
  end(): Buffer {
    return this.#target.subarray(0, this.#at);
  }

  #knownOf(name: string): Known {
    let known = this.#known.get(name);
    if (known) return known;
    known = { staticFields: staticOf.get(name) ?? [], policy: policyOf(name), entries: [] };
    if (this.#known.size >= maxKnown) {
      for (const [other, { entries }] of this.#known) if (entries.length === 0) this.#known.delete(other);
    }
    this.#known.set(name, known);
    return known;
  }

  #indexOf(entry: Entry): number {
    return staticCount + this.#serial - entry.serial;
  }

  #insert(known: Known, entry: Entry): void {
    this.#evict(this.#allowed - entry.size);
    this.#serial += 1;
    this.#bytes += entry.size;
    known.entries.push(entry);
    this.#order.push(entry);
  }

  #evict(room: number): void {
    while (this.#bytes > room && this.#oldest < this.#order.length) {
      const entry = this.#order[this.#oldest]!;
      this.#oldest += 1;
      this.#bytes -= entry.size;
      this.#known.get(entry.name)?.entries.shift();
    }
    if (this.#oldest > 256) {
      this.#order.splice(0, this.#oldest);
      this.#oldest = 0;
    }
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#target.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#target.length * 2, this.#at + bytes));
    this.#target.copy(larger, 0, 0, this.#at);
    this.#target = larger;
  }

  #integer(pattern: number, prefix: number, value: number): void {
    this.#reserve(6);
    const target = this.#target;
    const most = (1 << prefix) - 1;
    if (value < most) {
      target[this.#at++] = pattern | value;
      return;
    }
    target[this.#at++] = pattern | most;
    let rest = value - most;
    for (; rest >= 0x80; rest >>>= 7) target[this.#at++] = 0x80 | (rest & 0x7f);
    target[this.#at++] = rest;
  }

  #string(given: string): void {
    const text = foreign.test(given) ? given.replace(foreignAll, '?') : given;
    const { length } = text;
    const coded = this.#huffman ? huffmanLength(text) : length;
    if (coded < length) {
      this.#integer(0x80, 7, coded);
      this.#reserve(coded);
      this.#at = huffmanEncode(text, this.#target, this.#at);
      return;
    }
    this.#integer(0, 7, length);
    this.#reserve(length);
    if (length > 0) this.#target.write(text, this.#at, 'latin1');
    this.#at += length;
  }
}

const foreign = /[^\0-\xff]/;
const foreignAll = /[^\0-\xff]/g;
