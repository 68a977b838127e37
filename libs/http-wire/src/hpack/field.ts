import { tokenClass, valueByte } from '../http1/characters.ts';

/** What a field's name means to HTTP/2 (RFC 9113 8.2, 8.3); regular fields are 0. */
export const role = {
  regular: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  protocol: 6,
  /** A name with a colon in front that is no pseudo header, or no lower-case token. */
  invalidName: 7,
  /** Fields of a connection: forbidden. */
  connection: 8,
  te: 9,
  contentLength: 10,
  host: 11,
  cookie: 12,
} as const;

const roles = new Map<string, number>([
  [':method', role.method],
  [':scheme', role.scheme],
  [':authority', role.authority],
  [':path', role.path],
  [':status', role.status],
  [':protocol', role.protocol],
  ['connection', role.connection],
  ['proxy-connection', role.connection],
  ['keep-alive', role.connection],
  ['transfer-encoding', role.connection],
  ['upgrade', role.connection],
  ['te', role.te],
  ['content-length', role.contentLength],
  ['host', role.host],
  ['cookie', role.cookie],
]);

function roleOf(name: string): number {
  const known = roles.get(name);
  if (known !== undefined) return known;
  if (name === '') return role.invalidName;
  for (let index = 0; index < name.length; index += 1) {
    if (tokenClass[name.charCodeAt(index)] !== 1) return role.invalidName;
  }
  return role.regular;
}

function isValue(value: string): boolean {
  const last = value.length - 1;
  if (last < 0) return true;
  if (value.charCodeAt(0) <= 0x20 || value.charCodeAt(last) <= 0x20) return false;
  for (let index = 0; index <= last; index += 1) {
    if (valueByte[value.charCodeAt(index)] !== 1) return false;
  }
  return true;
}

/** A header field as HPACK keeps it. Judged once, when it is read, however often its index is sent again. */
export class Field {
  readonly name: string;
  readonly value: string;
  /** One of `role`. */
  readonly role: number;
  /** May the value stand in a message? (RFC 9113 8.2.1) */
  readonly valid: boolean;

  constructor(name: string, value: string, known: number = roleOf(name)) {
    this.name = name;
    this.value = value;
    this.role = known;
    this.valid = isValue(value);
  }

  /** Size in a dynamic table (RFC 7541 4.1). */
  get size(): number {
    return this.name.length + this.value.length + 32;
  }
}
