import type { google_protobuf_Struct, google_protobuf_Value } from '../generated/types.ts';

/** A JSON value as it may stand in a `google.protobuf.Struct`. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

function valueOf(json: Json | undefined): google_protobuf_Value {
  if (json === null || json === undefined) return { nullValue: 0 };
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(valueOf) } };
  return { structValue: structOf(json as { readonly [key: string]: Json }) };
}

/** Struct of a JSON object. */
export function structOf(json: { readonly [key: string]: Json | undefined }): google_protobuf_Struct {
  const fields: { [key: string]: google_protobuf_Value } = Object.create(null);
  for (const [key, value] of Object.entries(json)) if (value !== undefined) fields[key] = valueOf(value);
  return { fields };
}

function jsonOf(value: google_protobuf_Value): Json {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.numberValue !== undefined) return value.numberValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.structValue) return structJson(value.structValue);
  if (value.listValue) return (value.listValue.values ?? []).map(jsonOf);
  return null;
}

/** JSON object of a struct. Own keys only, on an object without a prototype. */
export function structJson(struct: google_protobuf_Struct): { [key: string]: Json } {
  const json: { [key: string]: Json } = Object.create(null);
  for (const key of Object.keys(struct.fields ?? {})) json[key] = jsonOf(struct.fields![key]!);
  return json;
}
