import type { google_protobuf_Duration, google_protobuf_Timestamp } from '@lateen/protos';

/** Value types of the attribute vocabulary, as `istio.policy.v1beta1.ValueType` names them. */
export type ValueType =
  | 'STRING'
  | 'INT64'
  | 'DOUBLE'
  | 'BOOL'
  | 'TIMESTAMP'
  | 'IP_ADDRESS'
  | 'EMAIL_ADDRESS'
  | 'URI'
  | 'DNS_NAME'
  | 'DURATION'
  | 'STRING_MAP';

const valueTypes: readonly ValueType[] = [
  'STRING',
  'INT64',
  'DOUBLE',
  'BOOL',
  'TIMESTAMP',
  'IP_ADDRESS',
  'EMAIL_ADDRESS',
  'URI',
  'DNS_NAME',
  'DURATION',
  'STRING_MAP',
];

/** Value type of a number of the protobuf enum (1 STRING … 11 STRING_MAP); `undefined` for 0 and unknown numbers. */
export function valueTypeOf(number: number | undefined): ValueType | undefined {
  return number === undefined ? undefined : valueTypes[number - 1];
}

/** Reader of a string map. A tracking bag hands out views that note which keys were asked for. */
export interface StringMapView {
  get(key: string): string | undefined;
  /** All entries; a tracked view notes that the whole map was read. */
  entries(): Iterable<readonly [string, string]>;
}

/**
 * An attribute as it travels: the eight wire kinds of `istio.mixer.v1.CompressedAttributes`. An IP address is bytes
 * (4 or 16), an e-mail address, a URI and a DNS name are strings. Whole numbers are exact up to 2^53.
 */
export type AttributeValue =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'int64'; readonly value: number }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'timestamp'; readonly value: google_protobuf_Timestamp }
  | { readonly kind: 'duration'; readonly value: google_protobuf_Duration }
  | { readonly kind: 'stringMap'; readonly value: StringMapView };

/** Wire kind of an attribute. */
export type AttributeKind = AttributeValue['kind'];

/** What an expression yields, untagged; its static type says how to read it. */
export type RawValue = AttributeValue['value'];

/** Wire kind that carries a value type. */
export function kindOfType(type: ValueType): AttributeKind {
  switch (type) {
    case 'STRING':
    case 'EMAIL_ADDRESS':
    case 'URI':
    case 'DNS_NAME':
      return 'string';
    case 'INT64':
      return 'int64';
    case 'DOUBLE':
      return 'double';
    case 'BOOL':
      return 'bool';
    case 'TIMESTAMP':
      return 'timestamp';
    case 'IP_ADDRESS':
      return 'bytes';
    case 'DURATION':
      return 'duration';
    case 'STRING_MAP':
      return 'stringMap';
  }
}

/** Tags what an expression of the given type yielded. */
export function attributeOf(type: ValueType, raw: RawValue): AttributeValue {
  return { kind: kindOfType(type), value: raw } as AttributeValue;
}

/** Constructors of attribute values. */
export const attribute = {
  string: (value: string): AttributeValue => ({ kind: 'string', value }),
  int64: (value: number): AttributeValue => ({ kind: 'int64', value }),
  double: (value: number): AttributeValue => ({ kind: 'double', value }),
  bool: (value: boolean): AttributeValue => ({ kind: 'bool', value }),
  bytes: (value: Uint8Array): AttributeValue => ({ kind: 'bytes', value }),
  timestamp: (value: google_protobuf_Timestamp): AttributeValue => ({ kind: 'timestamp', value }),
  duration: (value: google_protobuf_Duration): AttributeValue => ({ kind: 'duration', value }),
  /** The view is kept, not copied. */
  stringMap: (value: StringMapView): AttributeValue => ({ kind: 'stringMap', value }),
} as const;

/** Text of an address of 4 or 16 bytes; IPv4 inside IPv6 reads as IPv4. Other lengths read as hex digits. */
export function ipText(bytes: Uint8Array): string {
  const v4 = ipV4Of(bytes);
  if (v4) return v4.join('.');
  if (bytes.length !== 16) return Buffer.from(bytes).toString('hex');
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) groups.push((bytes[index]! << 8) | bytes[index + 1]!);
  // RFC 5952: the longest run of two or more zero groups becomes `::`.
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best.start < 0 ? hex(0, 8) : `${hex(0, best.start)}::${hex(best.start + best.length, 8)}`;
}

/** The four bytes of an IPv4 address in either form; `undefined` for a true IPv6 address. */
function ipV4Of(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === 4) return bytes;
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return undefined;
  for (let index = 0; index < 10; index += 1) if (bytes[index] !== 0) return undefined;
  return bytes.subarray(12);
}

/** Are two addresses the same host, whatever their form? */
export function ipEqual(left: Uint8Array, right: Uint8Array): boolean {
  const a = ipV4Of(left) ?? left;
  const b = ipV4Of(right) ?? right;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
