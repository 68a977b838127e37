import { parseDurationText } from '@lateen/attributes';
import { describeMessage, fromJson, type Json, type MessageName, type Messages } from '@lateen/protos';
import { type DecodedParams, refuse } from './handler.ts';

type JsonObject = { readonly [key: string]: Json };

const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

/**
 * Decodes a handler's parameters as a message. Durations may stand in Go's notation (`500ms`, `1m`), which Mixer's
 * decoder takes and proto3 JSON doesn't.
 */
export function decodeParams<N extends MessageName>(name: N, params: JsonObject): DecodedParams<Messages[N]> {
  try {
    return { config: fromJson(name, plainDurations(name, params)) };
  } catch (error) {
    return refuse('spec.params', error instanceof Error ? error.message : String(error));
  }
}

function plainDurations(name: MessageName, json: Json): Json {
  if (name === 'google.protobuf.Duration') return plainDuration(json);
  if (!isObject(json)) return json;
  const { fields } = describeMessage(name);
  const plain: { [key: string]: Json } = Object.create(null);
  for (const key of Object.keys(json)) {
    const value = json[key]!;
    const field = fields.get(key);
    plain[key] = value;
    if (field?.value.kind !== 'message') continue;
    const inner = field.value.name;
    if (field.repeated && Array.isArray(value))
      plain[key] = value.map((item: Json) => plainDurations(inner, item));
    else if (field.mapKey === undefined) plain[key] = plainDurations(inner, value);
  }
  return plain;
}

function plainDuration(json: Json): Json {
  const duration = typeof json === 'string' ? parseDurationText(json) : undefined;
  if (!duration) return json;
  const seconds = duration.seconds ?? 0;
  const nanos = duration.nanos ?? 0;
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}.${String(Math.abs(nanos)).padStart(9, '0')}s`;
}
