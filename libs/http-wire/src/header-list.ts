import { latin1 } from './latin1.ts';

/** Names of the header fields that the codecs and filters ask for; shared strings make look-ups pointer comparisons. */
const wellKnown = [
  'host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'expect', 'te', 'trailer', 'keep-alive',
  'proxy-connection', 'content-type', 'date', 'server', 'user-agent', 'accept', 'accept-encoding', 'accept-language',
  'authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'cache-control', 'etag', 'last-modified', 'location',
  'vary', 'via', 'origin', 'referer', 'x-request-id', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host',
  'x-forwarded-client-cert', 'x-envoy-attempt-count', 'x-envoy-upstream-service-time', 'x-envoy-decorator-operation',
  'x-envoy-expected-rq-timeout-ms', 'x-envoy-internal', 'x-envoy-external-address', 'x-b3-traceid', 'x-b3-spanid',
  'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-flags', 'b3', 'traceparent', 'tracestate', 'grpc-timeout', 'grpc-status',
  'end-user', 'accept-ranges', 'content-encoding', 'if-none-match', 'if-modified-since', 'pragma', 'range',
]; // biome-ignore format: a list reads better filled

const tableSize = 4096;
const tableLimit = 1024;
const table: (string | undefined)[] = new Array(tableSize).fill(undefined);
let tableCount = 0;

/** Hash step of a name's bytes; the parser folds it in while it reads them. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

function sameBytes(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let index = 0; index < name.length; index += 1) {
    if (name.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}

/**
 * Shared string of a lower-case header name from its bytes and their hash. The table is bounded: once strangers have
 * filled it, further unknown names get strings of their own.
 */
export function nameOf(bytes: Buffer, start: number, end: number, hash: number): string {
  const home = hash & (tableSize - 1);
  for (let probe = 0; probe < 4; probe += 1) {
    const slot = (home + probe) & (tableSize - 1);
    const known = table[slot];
    if (known === undefined) {
      const name = latin1(bytes, start, end);
      if (tableCount < tableLimit && end - start <= 64) {
        table[slot] = name;
        tableCount += 1;
      }
      return name;
    }
    if (sameBytes(known, bytes, start, end)) return known;
  }
  return latin1(bytes, start, end);
}

for (const name of wellKnown) {
  let hash = 0;
  for (let index = 0; index < name.length; index += 1) hash = hashStep(hash, name.charCodeAt(index));
  for (let probe = 0; probe < 4; probe += 1) {
    const slot = (hash + probe) & (tableSize - 1);
    if (table[slot] !== undefined) continue;
    table[slot] = name;
    tableCount += 1;
    break;
  }
}

const unsafe = /[\0\r\n]/g;
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/**
 * Header fields in their order. Look-up is by lower-case name, linear over shared strings: messages have few fields and
 * no map is built per message. Fields that came from the wire keep no string of their value until someone reads it, and
 * are written back as the bytes they came in. A value that is set here never carries CR, LF or NUL onto the wire.
 */
export class HeaderList {
  #names: string[] = [];
  /** Spelling on the wire where it differs from the lower-case name. */
  #spellings: (string | undefined)[] | undefined;
  #values: (string | undefined)[] = [];
  /** Value's place in `#source`; -1 when the field was not read from there. */
  #starts: number[] = [];
  #ends: number[] = [];
  #source = '';

  /** Number of fields, repeated ones counted each. */
  get size(): number {
    return this.#names.length;
  }

  /** Lower-case name of the field at `index`. */
  nameAt(index: number): string {
    return this.#names[index]!;
  }

  /** Value of the field at `index`. */
  valueAt(index: number): string {
    return (this.#values[index] ??= this.#source.substring(this.#starts[index]!, this.#ends[index]!));
  }

  /** Value of a header by its lower-case name; several joined with `,`; `undefined` when absent. */
  get(name: string): string | undefined {
    const names = this.#names;
    for (let index = 0; index < names.length; index += 1) {
      if (names[index] !== name) continue;
      let value = this.valueAt(index);
      for (index += 1; index < names.length; index += 1) {
        if (names[index] === name) value += `,${this.valueAt(index)}`;
      }
      return value;
    }
    return undefined;
  }

  /** Every value of a lower-case name, in order. */
  all(name: string): string[] {
    const values: string[] = [];
    for (let index = 0; index < this.#names.length; index += 1) {
      if (this.#names[index] === name) values.push(this.valueAt(index));
    }
    return values;
  }

  /** Is there a field of this lower-case name? */
  has(name: string): boolean {
    return this.#names.indexOf(name) >= 0;
  }

  /** Replaces all fields of the name by one, in the first one's place. */
  set(name: string, value: string): void {
    const key = name.toLowerCase();
    const index = this.#names.indexOf(key);
    if (index < 0) return this.append(key, value);
    this.#values[index] = value.replace(unsafe, ' ');
    this.#starts[index] = -1;
    for (
      let other = this.#names.indexOf(key, index + 1);
      other >= 0;
      other = this.#names.indexOf(key, other)
    ) {
      this.#removeAt(other);
    }
  }

  /** Adds one more field at the end. A name that is no token is dropped: it could not be written safely. */
  append(name: string, value: string): void {
    const key = name.toLowerCase();
    if (!token.test(key)) return;
    this.#names.push(key);
    this.#values.push(value.replace(unsafe, ' '));
    this.#starts.push(-1);
    this.#ends.push(0);
    this.#spellings?.push(undefined);
  }

  /** Removes all fields of the name. */
  delete(name: string): void {
    const key = name.toLowerCase();
    for (let index = this.#names.indexOf(key); index >= 0; index = this.#names.indexOf(key, index)) {
      this.#removeAt(index);
    }
  }

  /** Removes the fields that `remove` picks by lower-case name. */
  deleteWhere(remove: (name: string) => boolean): void {
    for (let index = this.#names.length - 1; index >= 0; index -= 1) {
      if (remove(this.#names[index]!)) this.#removeAt(index);
    }
  }

  #removeAt(index: number): void {
    this.#names.splice(index, 1);
    this.#values.splice(index, 1);
    this.#starts.splice(index, 1);
    this.#ends.splice(index, 1);
    this.#spellings?.splice(index, 1);
  }

  /** Name and value of each field, in order. */
  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    for (let index = 0; index < this.#names.length; index += 1)
      yield [this.#names[index]!, this.valueAt(index)];
  }

  /**
   * Takes a field over from the wire: name, and the value's place in the source that `bindSource` will bring. `plain`
   * says that the line reads `name: value` exactly, so that it may be written back by copying it.
   */
  take(name: string, spelling: string | undefined, start: number, end: number, plain: boolean): void {
    this.#names.push(name);
    this.#values.push(undefined);
    this.#starts.push(plain ? start : ~start);
    this.#ends.push(end);
    if (spelling !== undefined && this.#spellings === undefined) {
      this.#spellings = new Array(this.#names.length - 1).fill(undefined);
    }
    this.#spellings?.push(spelling);
  }

  /** Takes over a field that a codec has judged: a lower-case token, and a value without CR, LF and NUL. */
  adopt(name: string, value: string): void {
    this.#names.push(name);
    this.#values.push(value);
    this.#starts.push(-1);
    this.#ends.push(0);
    this.#spellings?.push(undefined);
  }

  /** The text that the places given to `take` are in. */
  bindSource(source: string): void {
    this.#source = source;
    for (let index = 0; index < this.#starts.length; index += 1) {
      const start = this.#starts[index]!;
      if (start >= 0 || this.#values[index] !== undefined) continue;
      this.#values[index] = source.substring(~start, this.#ends[index]!);
      this.#starts[index] = -1;
    }
  }

  /** The fields as HTTP/1.1 header lines, each with its CRLF. Neighbours that came from the wire are copied as one. */
  lines(): string {
    let text = '';
    let runStart = -1;
    let runEnd = -1;
    const names = this.#names;
    for (let index = 0; index < names.length; index += 1) {
      const start = this.#starts[index]!;
      if (start >= 0) {
        const lineStart = start - names[index]!.length - 2;
        if (lineStart !== runEnd) {
          if (runEnd >= 0) text += this.#source.substring(runStart, runEnd);
          runStart = lineStart;
        }
        runEnd = this.#ends[index]! + 2;
        continue;
      }
      if (runEnd >= 0) {
        text += this.#source.substring(runStart, runEnd);
        runEnd = -1;
      }
      text += `${this.#spellings?.[index] ?? names[index]!}: ${this.#values[index]!}\r\n`;
    }
    return runEnd >= 0 ? text + this.#source.substring(runStart, runEnd) : text;
  }

  /** Copies the fields of another list into this empty one. */
  protected copyFrom(other: HeaderList): void {
    this.#names = other.#names.slice();
    this.#spellings = other.#spellings?.slice();
    this.#values = other.#values.slice();
    this.#starts = other.#starts.slice();
    this.#ends = other.#ends.slice();
    this.#source = other.#source;
  }

  /** An independent copy. */
  clone(): HeaderList {
    const copy = new HeaderList();
    copy.copyFrom(this);
    return copy;
  }
}

const colon = 0x3a;

/** A request's headers with its pseudo headers, the same for HTTP/1.1 and HTTP/2. `host` is `:authority`. */
export class RequestHeaders extends HeaderList {
  method = 'GET';
  /** Path with query; empty for CONNECT. */
  path = '';
  scheme: 'http' | 'https' = 'http';
  #authority: string | undefined;

  /** Host with port as sent; empty when there is none. */
  get authority(): string {
    return (this.#authority ??= super.get('host') ?? '');
  }

  set authority(value: string) {
    super.set('host', value);
    this.#authority = value;
  }

  override get(name: string): string | undefined {
    if (name.charCodeAt(0) !== colon) return super.get(name);
    switch (name) {
      case ':method':
        return this.method === '' ? undefined : this.method;
      case ':path':
        return this.path === '' ? undefined : this.path;
      case ':authority':
        return this.authority === '' ? undefined : this.authority;
      case ':scheme':
        return this.scheme;
      default:
        return undefined;
    }
  }

  override has(name: string): boolean {
    return name.charCodeAt(0) === colon ? this.get(name) !== undefined : super.has(name);
  }

  override set(name: string, value: string): void {
    switch (name.toLowerCase()) {
      case ':method':
        this.method = value;
        return;
      case ':path':
        this.path = value.replace(/[\0\r\n ]/g, '');
        return;
      case ':authority':
      case 'host':
        this.authority = value;
        return;
      case ':scheme':
        this.scheme = value === 'https' ? 'https' : 'http';
        return;
      default:
        super.set(name, value);
    }
  }

  override append(name: string, value: string): void {
    const key = name.toLowerCase();
    // A second Host would be a smuggling vector, whoever asks for it.
    if (key.charCodeAt(0) === colon || (key === 'host' && super.has('host'))) return this.set(key, value);
    super.append(key, value);
  }

  override delete(name: string): void {
    const key = name.toLowerCase();
    if (key === 'host' || key.charCodeAt(0) === colon) return; // a request without them is not a request
    super.delete(key);
  }

  override clone(): RequestHeaders {
    const copy = new RequestHeaders();
    copy.copyFrom(this);
    copy.method = this.method;
    copy.path = this.path;
    copy.scheme = this.scheme;
    return copy;
  }
}

/** A response's headers with its status. */
export class ResponseHeaders extends HeaderList {
  status = 0;

  override get(name: string): string | undefined {
    if (name.charCodeAt(0) !== colon) return super.get(name);
    return name === ':status' ? String(this.status) : undefined;
  }

  override has(name: string): boolean {
    return name.charCodeAt(0) === colon ? name === ':status' : super.has(name);
  }

  override set(name: string, value: string): void {
    if (name.charCodeAt(0) !== colon) return super.set(name, value);
    const status = Number(value);
    if (name === ':status' && Number.isInteger(status) && status >= 200 && status <= 599)
      this.status = status;
  }

  override append(name: string, value: string): void {
    if (name.charCodeAt(0) === colon) return this.set(name, value);
    super.append(name, value);
  }

  override clone(): ResponseHeaders {
    const copy = new ResponseHeaders();
    copy.copyFrom(this);
    copy.status = this.status;
    return copy;
  }
}
