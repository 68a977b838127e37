import {
  anyName,
  decode,
  type google_protobuf_Any,
  isMessageName,
  type Json as ProtoJson,
  type MessageName,
  packAny,
  structOf,
  toJson,
} from '@lateen/protos';
import type { JsonObject } from './dumps.ts';

function isAny(value: object): value is google_protobuf_Any {
  return 'type_url' in value && typeof value.type_url === 'string' && value.type_url !== '';
}

/** A copy in which each `Any` holds a Struct: JSON of an `Any` opens types of one bundle only, and these are of two. */
function withStructs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withStructs);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (isAny(value)) {
    const name = anyName(value);
    if (!isMessageName(name)) return value;
    const inner = toJson(name, withStructs(decode(name, value.value ?? new Uint8Array())) as object);
    return packAny(
      'google.protobuf.Struct',
      structOf({ '@type': value.type_url ?? '', ...(inner as { [key: string]: ProtoJson }) }),
    );
  }
  const copy = Object.create(Object.getPrototypeOf(value) as object) as Record<string, unknown>;
  for (const [key, item] of Object.entries(value)) copy[key] = withStructs(item);
  return copy;
}

/** JSON of a resource with every `Any` in it opened. */
export function resourceJson(name: MessageName, resource: object): JsonObject {
  return toJson(name, withStructs(resource) as object) as JsonObject;
}
