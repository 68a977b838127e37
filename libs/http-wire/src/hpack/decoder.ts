import { hashStep, nameOf } from '../header-list.ts';
import { latin1 } from '../latin1.ts';
import { Field } from './field.ts';
import { huffmanDecode } from './huffman.ts';
import { staticTable } from './static-table.ts';

/** Bounds of what a peer may have decoded. */
export interface HpackLimits {
  /** Dynamic table, bytes: what our SETTINGS_HEADER_TABLE_SIZE says. */
  readonly maxTableBytes: number;
  /** One name or value after decoding, bytes. */
  readonly maxStringBytes: number;
}

/** RFC 9113's table and Envoy's 60 KiB of headers. */
export const defaultHpackLimits: HpackLimits = { maxTableBytes: 4096, maxStringBytes: 60 * 1024 };

/** Takes the fields of a header block in their order. */
export interface FieldSink {
  onField(field: Field): void;
}

const staticCount = staticTable.length;
const maxInteger = 0x0fff_ffff;

/** HPACK decoder of one direction of a connection (RFC 7541): its dynamic table lives as long as the connection. */
export class HpackDecoder {
  readonly #limits: HpackLimits;
  readonly #mask: number;
  /** Ring of the dynamic table; `#next` is where the next entry goes. */
  readonly #ring: (Field | undefined)[];
  #next = 0;
  #count = 0;
  #bytes = 0;
  #allowed: number;
  #scratch: Buffer = Buffer.allocUnsafeSlow(512);
  #source: Buffer = this.#scratch;
  #at = 0;
  #end = 0;

  constructor(limits: HpackLimits = defaultHpackLimits) {
    this.#limits = limits;
    let size = 8;
    while (size < limits.maxTableBytes / 32 + 1) size *= 2;
    this.#ring = new Array(size).fill(undefined);
    this.#mask = size - 1;
    this.#allowed = limits.maxTableBytes;
  }

  /** Bytes in the dynamic table (RFC 7541 4.1). */
  get tableBytes(): number {
    return this.#bytes;
  }

  /**
   * Decodes a whole header block. `false`: it is malformed and the connection ends with COMPRESSION_ERROR, for the
   * tables of both sides no longer agree.
   */
  decode(source: Buffer, start: number, end: number, sink: FieldSink): boolean {
    this.#source = source;
    this.#at = start;
    this.#end = end;
    let updates = 0;
    let fields = 0;
    while (this.#at < end) {
      const first = source[this.#at]!;
      if (first >= 0x80) {
        const index = this.#integer(7);
        const field = index <= 0 ? undefined : this.#fieldAt(index);
        if (!field) return false;
        fields += 1;
        sink.onField(field);
      } else if (first >= 0x20 && first < 0x40) {
        // Updates stand before the first field, two at most (RFC 7541 4.2).
        updates += 1;
        const size = this.#integer(5);
        if (fields > 0 || updates > 2 || size < 0 || size > this.#limits.maxTableBytes) return false;
        this.#allowed = size;
        this.#evict(size);
      } else {
        const indexed = first >= 0x40;
        const field = this.#literal(indexed ? 6 : 4);
        if (!field) return false;
        if (indexed) this.#insert(field);
        fields += 1;
        sink.onField(field);
      }
    }
    return true;
  }

  #fieldAt(index: number): Field | undefined {
    if (index <= staticCount) return staticTable[index - 1];
    const age = index - staticCount;
    return age > this.#count ? undefined : this.#ring[(this.#next - age) & this.#mask];
  }

  #literal(prefix: number): Field | undefined {
    const index = this.#integer(prefix);
    if (index < 0) return undefined;
    if (index > 0) {
      const named = this.#fieldAt(index);
      const value = named && this.#string(false);
      return value === undefined ? undefined : new Field(named!.name, value, named!.role);
    }
    const name = this.#string(true);
    const value = name === undefined ? undefined : this.#string(false);
    return value === undefined ? undefined : new Field(name!, value);
  }

  /** Integer of RFC 7541 5.1; -1 when it is cut off or too large for anything here. */
  #integer(prefix: number): number {
    const source = this.#source;
    const most = (1 << prefix) - 1;
    let value = source[this.#at]! & most;
    this.#at += 1;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) return -1;
      const byte = source[this.#at]!;
      this.#at += 1;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value > maxInteger ? -1 : value;
    }
    return -1;
  }

  #string(isName: boolean): string | undefined {
    if (this.#at >= this.#end) return undefined;
    const coded = this.#source[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    if (length < 0 || length > this.#limits.maxStringBytes || length > this.#end - start) return undefined;
    this.#at = start + length;
    if (!coded) return text(this.#source, start, this.#at, isName);
    if (this.#scratch.length < length * 2) this.#scratch = Buffer.allocUnsafeSlow(length * 2);
    const written = huffmanDecode(this.#source, start, this.#at, this.#scratch);
    if (written < 0 || written > this.#limits.maxStringBytes) return undefined;
    return text(this.#scratch, 0, written, isName);
  }

  #insert(field: Field): void {
    const { size } = field;
    this.#evict(this.#allowed - size);
    if (size > this.#allowed) return; // empties the table and stays out (RFC 7541 4.4)
    this.#ring[this.#next] = field;
    this.#next = (this.#next + 1) & this.#mask;
    this.#count += 1;
    this.#bytes += size;
  }

  #evict(room: number): void {
    while (this.#bytes > room && this.#count > 0) {
      const oldest = (this.#next - this.#count) & this.#mask;
      this.#bytes -= this.#ring[oldest]!.size;
      this.#ring[oldest] = undefined;
      this.#count -= 1;
    }
  }
}

function text(bytes: Buffer, start: number, end: number, isName: boolean): string {
  if (!isName) return start === end ? '' : latin1(bytes, start, end);
  let hash = 0;
  for (let at = start; at < end; at += 1) hash = hashStep(hash, bytes[at]!);
  return nameOf(bytes, start, end, hash);
}
