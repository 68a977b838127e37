import { isAuthority, targetByte } from '../http1/characters.ts';
import { HeaderList, RequestHeaders, ResponseHeaders } from '../header-list.ts';
import { type Field, role } from '../hpack/field.ts';

const methodForm = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function isPath(path: string): boolean {
  if (path.charCodeAt(0) !== 0x2f) return false;
  for (let index = 1; index < path.length; index += 1) {
    if (targetByte[path.charCodeAt(index)] !== 1) return false;
  }
  return true;
}

function lengthOf(value: string): number {
  if (value.length === 0 || value.length > 16) return -1;
  let length = 0;
  for (let index = 0; index < value.length; index += 1) {
    const digit = value.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length <= Number.MAX_SAFE_INTEGER ? length : -1;
}

/** What a header block is expected to be. */
export type BlockKind = 'request' | 'response' | 'trailers';

/**
 * Turns the fields of a header block into a message's head and judges it (RFC 9113 8.2, 8.3). A malformed block is read
 * to its end all the same, for the compression state must follow; only what is wrong is kept then.
 */
export class MessageReader {
  /** What is wrong; `undefined`: nothing so far. */
  objection: string | undefined;
  /** More than the limits allow. */
  tooLarge = false;
  /** Of `content-length`; -1 without. */
  contentLength = -1;
  /** `:protocol` of an extended CONNECT; empty without. */
  protocol = '';
  list: HeaderList = new HeaderList();
  readonly #maxBytes: number;
  readonly #maxFields: number;
  #kind: BlockKind = 'request';
  #request = new RequestHeaders();
  #bytes = 0;
  #pseudo = 0;
  #regular = false;
  #method = '';
  #scheme = '';
  #path = '';
  #authority: string | undefined;
  #host: string | undefined;
  #status = 0;
  #cookies = '';

  constructor(limits: { maxHeaderBytes: number; maxHeaders: number }) {
    this.#maxBytes = limits.maxHeaderBytes;
    this.#maxFields = limits.maxHeaders;
  }

  begin(kind: BlockKind): void {
    this.#kind = kind;
    this.objection = undefined;
    this.tooLarge = false;
    this.contentLength = -1;
    this.protocol = '';
    if (kind === 'request') this.list = this.#request = new RequestHeaders();
    else this.list = kind === 'response' ? new ResponseHeaders() : new HeaderList();
    this.#bytes = 0;
    this.#pseudo = 0;
    this.#regular = false;
    this.#method = this.#scheme = this.#path = this.#cookies = '';
    this.#authority = this.#host = undefined;
    this.#status = 0;
  }

  onField(field: Field): void {
    this.#bytes += field.name.length + field.value.length;
    if (this.#bytes > this.#maxBytes) this.tooLarge = true;
    if (this.tooLarge || this.objection !== undefined) return;
    if (!field.valid) {
      this.objection = 'a value with a forbidden character';
      return;
    }
    if (field.role >= role.method && field.role <= role.protocol) return this.#takePseudo(field);
    this.#regular = true;
    switch (field.role) {
      case role.regular:
        break;
      case role.te:
        if (field.value !== 'trailers') this.objection = 'te other than trailers';
        break;
      case role.contentLength:
        if (this.contentLength >= 0) this.objection = 'more than one content-length';
        this.contentLength = lengthOf(field.value);
        if (this.contentLength < 0) this.objection = 'invalid content-length';
        break;
      case role.host:
        if (this.#kind !== 'request') break;
        if (this.#host !== undefined) this.objection = 'more than one host';
        this.#host = field.value;
        return;
      case role.cookie:
        // Crumbs become one field again before anything but HTTP/2 sees them (RFC 9113 8.2.3).
        if (this.#kind !== 'request') break;
        this.#cookies = this.#cookies === '' ? field.value : `${this.#cookies}; ${field.value}`;
        return;
      default:
        this.objection = `the field ${field.role === role.connection ? field.name : 'name'} is not allowed`;
        return;
    }
    if (this.list.size >= this.#maxFields) this.tooLarge = true;
    else this.list.adopt(field.name, field.value);
  }

  #takePseudo({ role: which, value }: Field): void {
    const bit = 1 << which;
    if (this.#regular) this.objection = 'a pseudo header after others';
    else if ((this.#pseudo & bit) !== 0) this.objection = 'a pseudo header twice';
    else if (this.#kind === 'trailers' || (this.#kind === 'response') !== (which === role.status))
      this.objection = 'a pseudo header out of place';
    this.#pseudo |= bit;
    switch (which) {
      case role.method:
        this.#method = value;
        break;
      case role.scheme:
        this.#scheme = value;
        break;
      case role.path:
        this.#path = value;
        break;
      case role.authority:
        this.#authority = value;
        break;
      case role.protocol:
        this.protocol = value;
        break;
      default:
        this.#status = /^[1-9]\d\d$/.test(value) ? Number(value) : 0;
    }
  }

  /** Completes a request's head; `undefined` with `objection` set when it is malformed. */
  finishRequest(extendedConnect: boolean): RequestHeaders | undefined {
    this.objection ??= this.#requestObjection(extendedConnect);
    if (this.objection !== undefined || this.tooLarge) return undefined;
    const headers = this.#request;
    headers.method = this.#method;
    headers.path = this.#path;
    headers.scheme = this.#scheme === 'https' ? 'https' : 'http';
    // :authority wins over host, whatever that says (RFC 9113 8.3.1).
    const authority = this.#authority ?? this.#host;
    if (authority !== undefined && authority !== '') headers.adopt('host', authority);
    if (this.#cookies !== '') headers.adopt('cookie', this.#cookies);
    return headers;
  }

  /** Completes a response's head, interim ones included. */
  finishResponse(): ResponseHeaders | undefined {
    if (this.#status < 100 || this.#status === 101) this.objection ??= 'invalid :status';
    if (this.objection !== undefined || this.tooLarge) return undefined;
    const headers = this.list as ResponseHeaders;
    headers.status = this.#status;
    return headers;
  }

  finishTrailers(): HeaderList | undefined {
    return this.objection !== undefined || this.tooLarge ? undefined : this.list;
  }

  #requestObjection(extendedConnect: boolean): string | undefined {
    if (!methodForm.test(this.#method)) return 'invalid :method';
    const authority = this.#authority ?? this.#host;
    if (authority !== undefined && authority !== '' && !isAuthority(authority)) return 'invalid :authority';
    const plainConnect = this.#method === 'CONNECT' && this.protocol === '';
    if (plainConnect) {
      if (this.#scheme !== '' || this.#path !== '') return 'CONNECT with :scheme or :path';
      return authority === undefined || authority === '' ? 'CONNECT without :authority' : undefined;
    }
    if (this.protocol !== '' && (this.#method !== 'CONNECT' || !extendedConnect))
      return ':protocol not expected';
    if (this.protocol !== '' && !methodForm.test(this.protocol)) return 'invalid :protocol';
    if (this.#scheme !== 'http' && this.#scheme !== 'https') return 'invalid :scheme';
    if (!isPath(this.#path) && !(this.#path === '*' && this.#method === 'OPTIONS')) return 'invalid :path';
    return undefined;
  }
}
