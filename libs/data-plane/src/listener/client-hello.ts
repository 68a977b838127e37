/** What a ClientHello says before any handshake. */
interface ClientHello {
  /** SNI in lower case; empty without. */
  readonly serverName: string;
  /** ALPN list in the client's order. */
  readonly applicationProtocols: readonly string[];
}

/** `more`: the bytes so far may begin one; `none`: they don't. */
export type ClientHelloResult = ClientHello | 'more' | 'none';

/** Longest ClientHello that is read. Bytes. */
export const maxClientHelloBytes = 16_384;

const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const alpnExtension = 16;

/** Reads big-endian numbers and slices; a read beyond the end makes the whole `broken`. */
class Reader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  broken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  number(width: 1 | 2 | 3): number {
    let value = 0;
    for (let index = 0; index < width; index += 1)
      value = value * 256 + (this.#bytes[this.#offset + index] ?? 0);
    this.#skip(width);
    return value;
  }

  slice(length: number): Reader {
    const start = this.#offset;
    this.#skip(length);
    return new Reader(this.#bytes.subarray(start, start + length));
  }

  text(): string {
    return Buffer.from(this.#bytes.subarray(this.#offset)).toString('latin1');
  }

  #skip(length: number): void {
    this.#offset += length;
    if (this.#offset > this.#bytes.length) this.broken = true;
  }
}

/** Joins the handshake bytes of the records so far; `none` when a record is of another kind. */
function handshakeBytes(bytes: Buffer): Buffer | 'none' {
  const parts: Buffer[] = [];
  let total = 0;
  for (let offset = 0; offset + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(offset + 3);
    if (bytes[offset] !== handshakeRecord || bytes[offset + 1] !== 3 || length === 0 || length > 16_384)
      return 'none';
    const part = bytes.subarray(offset + 5, offset + 5 + length);
    parts.push(part);
    total += part.length;
    // The message's own length says when enough records have been joined.
    if (total >= 4 && total >= 4 + Buffer.concat(parts, 4).readUIntBE(1, 3)) break;
    offset += 5 + length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function readExtensions(extensions: Reader): ClientHello | 'none' {
  let serverName = '';
  let applicationProtocols: readonly string[] = [];
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const body = extensions.slice(extensions.number(2));
    if (extensions.broken) return 'none';
    if (type === serverNameExtension) {
      const list = body.slice(body.number(2));
      while (list.left > 0) {
        const kind = list.number(1);
        const name = list.slice(list.number(2));
        if (list.broken) return 'none';
        if (kind === 0 && serverName === '') serverName = name.text().toLowerCase();
      }
    } else if (type === alpnExtension) {
      const list = body.slice(body.number(2));
      const names: string[] = [];
      while (list.left > 0) {
        const name = list.slice(list.number(1));
        if (list.broken) return 'none';
        names.push(name.text());
      }
      applicationProtocols = names;
    }
    if (body.broken) return 'none';
  }
  return { serverName, applicationProtocols };
}

/**
 * Parses a ClientHello that may still be coming (RFC 8446 4.1.2, TLS 1.0 and later). Bounded by
 * `maxClientHelloBytes`; never throws.
 */
export function parseClientHello(bytes: Buffer): ClientHelloResult {
  if (bytes.length === 0) return 'more';
  if (bytes[0] !== handshakeRecord || (bytes.length > 1 && bytes[1] !== 3)) return 'none';
  const message = handshakeBytes(bytes);
  if (message === 'none') return 'none';
  if (message.length > 0 && message[0] !== clientHello) return 'none';
  if (message.length < 4) return 'more';
  const length = message.readUIntBE(1, 3);
  if (length > maxClientHelloBytes) return 'none';
  if (message.length < 4 + length) return 'more';
  const hello = new Reader(message.subarray(4, 4 + length));
  hello.number(2);
  hello.slice(32);
  hello.slice(hello.number(1));
  hello.slice(hello.number(2));
  hello.slice(hello.number(1));
  if (hello.broken) return 'none';
  if (hello.left === 0) return { serverName: '', applicationProtocols: [] };
  const extensions = hello.slice(hello.number(2));
  return hello.broken ? 'none' : readExtensions(extensions);
}
