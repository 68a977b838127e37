import {
  describeMessage,
  type FieldDescriptor,
  type FieldKind,
  type google_protobuf_Duration,
  type google_protobuf_Struct,
  type google_protobuf_Timestamp,
  type google_protobuf_Value,
  type MessageName,
  structJson,
} from '@lateen/protos';
import { formatDuration, formatTimestamp } from './duration.ts';

type ValueEncoder = (value: unknown) => unknown;

const wrapperValue: ValueEncoder = (value) => (value as { value?: unknown }).value ?? null;

const anyValue: ValueEncoder = (value) =>
  structJson({ fields: { value: value as google_protobuf_Value } }).value;

const wellKnown: ReadonlyMap<string, ValueEncoder> = new Map<string, ValueEncoder>([
  ['google.protobuf.Duration', (value) => formatDuration(value as google_protobuf_Duration)],
  ['google.protobuf.Timestamp', (value) => formatTimestamp(value as google_protobuf_Timestamp)],
  ['google.protobuf.Struct', (value) => structJson(value as google_protobuf_Struct)],
  ['google.protobuf.Value', anyValue],
  ['google.protobuf.ListValue', (value) => anyValue({ listValue: value })],
  ...['Bool', 'String', 'Int32', 'UInt32', 'Int64', 'UInt64', 'Double', 'Float'].map(
    (name) => [`google.protobuf.${name}Value`, wrapperValue] as const,
  ),
  [
    'k8s.io.api.core.v1.IntOrString',
    (value) => {
      const either = value as { type?: number; intVal?: number; strVal?: string };
      return either.type === 1 ? (either.strVal ?? '') : (either.intVal ?? 0);
    },
  ],
]);

interface FieldEncoder {
  readonly descriptor: FieldDescriptor;
  readonly encode: ValueEncoder;
}

const encoders = new Map<MessageName, readonly FieldEncoder[]>();

function scalarEncoder(type: string): ValueEncoder {
  if (type === 'bytes') return (value) => Buffer.from(value as Uint8Array).toString('base64');
  if (type !== 'double' && type !== 'float') return (value) => value;
  return (value) => (Number.isFinite(value) ? value : String(value));
}

function valueEncoder(kind: FieldKind): ValueEncoder {
  if (kind.kind === 'scalar') return scalarEncoder(kind.type);
  if (kind.kind === 'enum') {
    const names = new Map([...kind.values].map(([name, number]) => [number, name]));
    return (value) => names.get(value as number) ?? value;
  }
  return wellKnown.get(kind.name) ?? ((value) => encodeFields(kind.name, value as object));
}

function encodersOf(name: MessageName): readonly FieldEncoder[] {
  const known = encoders.get(name);
  if (known) return known;
  const made: FieldEncoder[] = [];
  for (const descriptor of new Set(describeMessage(name).fields.values())) {
    const one = valueEncoder(descriptor.value);
    let encode = one;
    if (descriptor.mapKey !== undefined) {
      encode = (map) => {
        const json: { [key: string]: unknown } = Object.create(null);
        for (const [key, value] of Object.entries(map as object)) json[key] = one(value);
        return json;
      };
    } else if (descriptor.repeated) {
      encode = (list) => (list as readonly unknown[]).map(one);
    }
    made.push({ descriptor, encode });
  }
  encoders.set(name, made);
  return made;
}

function encodeFields(name: MessageName, message: object): { [key: string]: unknown } {
  const json: { [key: string]: unknown } = Object.create(null);
  for (const { descriptor, encode } of encodersOf(name)) {
    // Own fields only: what the prototype answers is proto3's default, which JSON leaves out.
    if (!Object.hasOwn(message, descriptor.name)) continue;
    const value = (message as { [key: string]: unknown })[descriptor.name];
    if (value === undefined || value === null) continue;
    // A message from the wire owns an empty list for every list it wasn't given.
    const isCollection = descriptor.repeated || descriptor.mapKey !== undefined;
    if (!isCollection || Object.keys(value).length > 0) json[descriptor.name] = encode(value);
  }
  return json;
}

/**
 * proto3 JSON of a message: camelCase names, enums by name, durations as `1.5s`, bytes in base64. Unlike proto3 JSON,
 * 64-bit numbers are numbers, as in Kubernetes, and scalars that were set to their default stay.
 */
export function encodeMessage(name: MessageName, message: object): { [key: string]: unknown } {
  return encodeFields(name, message);
}
