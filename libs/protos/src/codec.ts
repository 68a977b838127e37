import protojson from 'protobufjs/ext/protojson.js';
import protobuf from 'protobufjs/light.js';
import type { Enums, google_protobuf_Any, Messages } from '../generated/types.ts';
import { lookup, lookupWidest } from './root.ts';

/** Full name of a protobuf message, as `envoy.config.cluster.v3.Cluster`. */
export type MessageName = keyof Messages;

const prefix = 'type.googleapis.com/';
const types = new Map<string, protobuf.Type>();

/**
 * Decoded messages answer for absent fields as proto3 readers expect: scalars their zero, lists and maps empty.
 * Absent messages and absent members of a oneof answer `undefined`, so that presence can be asked with `?.` and `??`.
 */
function prepare(type: protobuf.Type): protobuf.Type {
  const prototype = type.ctor.prototype as unknown as Record<string, unknown>;
  for (const field of type.fieldsArray) {
    const absent = field.partOf !== null || (!field.repeated && !field.map && field.defaultValue === null);
    if (absent) prototype[field.name] = undefined;
  }
  return type;
}

function typeOf(name: string): protobuf.Type | undefined {
  const known = types.get(name);
  if (known) return known;
  const type = lookup(name);
  if (!(type instanceof protobuf.Type)) return undefined;
  const seen = new Set<protobuf.Type>();
  const queue = [type];
  for (let next = queue.pop(); next; next = queue.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (types.get(next.fullName.slice(1)) !== next) prepare(next);
    for (const field of next.fieldsArray) {
      field.resolve();
      if (field.resolvedType instanceof protobuf.Type) queue.push(field.resolvedType);
    }
  }
  types.set(name, type);
  return type;
}

/** The reflected type of a known message. @throws Error when no such message is bundled (a bug of the caller). */
export function reflect(name: MessageName): protobuf.Type {
  const type = typeOf(name);
  if (!type) throw new Error(`no protobuf message is named ${name}`);
  return type;
}

/** Wire bytes of a message. Absent and `undefined` fields are not written. */
export function encode<N extends MessageName>(name: N, message: Messages[N]): Uint8Array {
  return reflect(name)
    .encode(message as protobuf.Message)
    .finish();
}

/** Message from wire bytes. @throws Error when the bytes are not such a message. */
export function decode<N extends MessageName>(name: N, bytes: Uint8Array): Messages[N] {
  return reflect(name).decode(bytes) as unknown as Messages[N];
}

/** Is there a message of this name? For names that come from the outside, such as an `@type`. */
export function isMessageName(name: string): name is MessageName {
  return typeOf(name) !== undefined;
}

/** proto3 JSON (camelCase names, enums by name, durations as `"1.5s"`, `Any` opened by `@type`). */
export function toJson<N extends MessageName>(name: N, message: Messages[N]): unknown {
  return inEither(name, (type) => protojson.toJson(type, message));
}

/**
 * Converts with the type that is at hand; where that fails, an `Any` may hold a message of the other bundle, so the
 * widest bundle is asked before the failure counts.
 */
function inEither<T>(name: MessageName, convert: (type: protobuf.Type) => T): T {
  const type = reflect(name);
  try {
    return convert(type);
  } catch (error) {
    const wider = lookupWidest(name);
    if (!(wider instanceof protobuf.Type) || wider === type) throw error;
    return convert(wider);
  }
}

/**
 * Message from proto3 JSON; snake_case names are read too. @throws Error naming the field that is unknown or of the
 * wrong kind.
 */
export function fromJson<N extends MessageName>(name: N, json: unknown): Messages[N] {
  // Passed through the wire form: the JSON reader drops zeros, even those of wrappers (`false` of a BoolValue), and
  // answers no defaults; decoded messages do.
  const bytes = inEither(name, (type) => type.encode(protojson.fromJson(type, json)).finish());
  return decode(name, bytes);
}

/** Packs a message into an `Any` with the `type.googleapis.com/` prefix. */
export function packAny<N extends MessageName>(name: N, message: Messages[N]): google_protobuf_Any {
  return { type_url: prefix + name, value: encode(name, message) };
}

/** Message name of an `Any`: what stands after the last slash of its type URL. */
export function anyName(any: google_protobuf_Any): string {
  const url = any.type_url ?? '';
  return url.slice(url.lastIndexOf('/') + 1);
}

/** Opens an `Any` that must hold a `name`. @throws Error when it holds something else or its bytes are broken. */
export function unpackAny<N extends MessageName>(name: N, any: google_protobuf_Any): Messages[N] {
  if (anyName(any) !== name) throw new Error(`expected ${name}, found ${anyName(any) || 'an empty Any'}`);
  return decode(name, any.value ?? new Uint8Array());
}

/** Type URL of a message name. */
export function typeUrl(name: MessageName): string {
  return prefix + name;
}

/** Values of an enum by name, as `enumOf('envoy.config.cluster.v3.Cluster.LbPolicy').LEAST_REQUEST`. */
export function enumOf<N extends keyof Enums>(name: N): Enums[N] {
  const found = lookup(name);
  if (!(found instanceof protobuf.Enum)) throw new Error(`no protobuf enum is named ${name}`);
  return found.values as unknown as Enums[N];
}

/** Name of an enum's value; the number as text when the enum has no such value. */
export function enumName(name: keyof Enums, value: number): string {
  const found = lookup(name);
  return (found instanceof protobuf.Enum ? found.valuesById[value] : undefined) ?? String(value);
}
