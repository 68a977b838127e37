import { anyName, decode, encode, type google_protobuf_Any, isMessageName } from '@lateen/protos';

type Fields = { readonly [key: string]: unknown };

function isFields(value: unknown): value is Fields {
  return (
    value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function isAny(value: Fields): value is Fields & google_protobuf_Any {
  return typeof value.type_url === 'string' && value.type_url !== '';
}

/** Durations and wrapped scalars are one value: a second of the patch doesn't keep the nanoseconds of the target. */
function isScalar(value: Fields): boolean {
  const keys = Object.keys(value);
  return (
    keys.every((key) => key === 'seconds' || key === 'nanos') ||
    (keys.length === 1 && keys[0] === 'value' && !isFields(value.value) && !Array.isArray(value.value))
  );
}

function mergedAny(target: google_protobuf_Any, patch: google_protobuf_Any): google_protobuf_Any {
  const name = anyName(patch);
  if (name !== anyName(target) || !isMessageName(name)) return patch;
  const inner = (any: google_protobuf_Any): object => decode(name, any.value ?? new Uint8Array());
  return { type_url: patch.type_url, value: encode(name, merged(inner(target), inner(patch))) };
}

function mergedValue(target: unknown, patch: unknown): unknown {
  if (Array.isArray(patch)) return [...(Array.isArray(target) ? (target as unknown[]) : []), ...patch];
  if (!isFields(patch) || !isFields(target)) return patch;
  if (isAny(patch)) return isAny(target) ? mergedAny(target, patch) : patch;
  return isScalar(patch) ? patch : merged(target, patch);
}

/**
 * A message with another merged in, as protobuf merges: lists add up, messages merge field by field, scalars are
 * replaced; an `Any` of the same type is opened.
 */
export function merged<T extends object>(target: T, patch: object): T {
  const result: { [key: string]: unknown } = {};
  for (const [key, value] of Object.entries(target)) result[key] = value as unknown;
  for (const [key, value] of Object.entries(patch)) result[key] = mergedValue(result[key], value);
  // Fields of the patch are fields of the same message.
  return result as T;
}
