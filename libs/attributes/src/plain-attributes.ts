import type {
  google_protobuf_Duration,
  google_protobuf_Timestamp,
  istio_mixer_v1_Attributes,
  istio_mixer_v1_Attributes_AttributeValue,
} from '@lateen/protos';
import { type AttributeBag, MutableBag } from './bag.ts';
import type { AttributeValue } from './value.ts';

/**
 * Bag of an uncompressed `istio.mixer.v1.Attributes`: static attributes in the proxy's configuration and the
 * `x-istio-attributes` header. Values without a kind are left out.
 */
export function bagOfAttributes(message: istio_mixer_v1_Attributes | undefined): MutableBag {
  const bag = new MutableBag();
  const attributes = message?.attributes;
  if (!attributes) return bag;
  for (const name of Object.keys(attributes)) {
    const value = valueOf(attributes[name]!);
    if (value) bag.set(name, value);
  }
  return bag;
}

function valueOf(value: istio_mixer_v1_Attributes_AttributeValue): AttributeValue | undefined {
  if (value.stringValue !== undefined) return { kind: 'string', value: value.stringValue };
  if (value.int64Value !== undefined) return { kind: 'int64', value: value.int64Value };
  if (value.doubleValue !== undefined) return { kind: 'double', value: value.doubleValue };
  if (value.boolValue !== undefined) return { kind: 'bool', value: value.boolValue };
  if (value.bytesValue !== undefined) return { kind: 'bytes', value: value.bytesValue };
  if (value.timestampValue) return { kind: 'timestamp', value: value.timestampValue };
  if (value.durationValue) return { kind: 'duration', value: value.durationValue };
  if (value.stringMapValue) {
    return { kind: 'stringMap', value: new Map(Object.entries(value.stringMapValue.entries ?? {})) };
  }
  return undefined;
}

/** Uncompressed message of a bag, in order of names so that equal bags encode alike. */
export function attributesOfBag(bag: AttributeBag): istio_mixer_v1_Attributes {
  const attributes: { [name: string]: istio_mixer_v1_Attributes_AttributeValue } = Object.create(null);
  const sorted = [...bag.entries()].sort(([left], [right]) => (left < right ? -1 : 1));
  for (const [name, value] of sorted) attributes[name] = messageOf(value);
  return { attributes };
}

function messageOf(attribute: AttributeValue): istio_mixer_v1_Attributes_AttributeValue {
  switch (attribute.kind) {
    case 'string':
      return { stringValue: attribute.value };
    case 'int64':
      return { int64Value: attribute.value };
    case 'double':
      return { doubleValue: attribute.value };
    case 'bool':
      return { boolValue: attribute.value };
    case 'bytes':
      return { bytesValue: attribute.value };
    case 'timestamp':
      return { timestampValue: attribute.value };
    case 'duration':
      return { durationValue: attribute.value };
    case 'stringMap': {
      const entries: { [key: string]: string } = Object.create(null);
      for (const [key, value] of attribute.value.entries()) entries[key] = value;
      return { stringMapValue: { entries } };
    }
  }
}

/** Orders two times; negative when `left` is earlier. */
export function compareTimes(
  left: google_protobuf_Timestamp | google_protobuf_Duration,
  right: google_protobuf_Timestamp | google_protobuf_Duration,
): number {
  return (left.seconds ?? 0) - (right.seconds ?? 0) || (left.nanos ?? 0) - (right.nanos ?? 0);
}
