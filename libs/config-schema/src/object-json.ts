import { LateenError } from '@lateen/runtime';
import { stringify } from 'yaml';
import { encodeMessage } from './encoder.ts';
import type { KindDefinition } from './kind.ts';
import { legacyKindAnnotation } from './legacy-kind.ts';
import type { ConfigObject } from './object.ts';
import { kindInGroup, splitApiVersion } from './registry.ts';

/** JSON object; without a prototype, so that any key is data. */
export type JsonObject = { [key: string]: unknown };

/** The kind of an object that was decoded here. @throws LateenError LTN_CONFIG_KIND_UNKNOWN when it wasn't. */
export function definitionOf(object: ConfigObject): KindDefinition {
  const definition = kindInGroup(splitApiVersion(object.apiVersion).group, object.kind);
  if (definition) return definition;
  throw new LateenError(`${object.apiVersion} ${object.kind} is no kind of the mesh`, {
    code: 'LTN_CONFIG_KIND_UNKNOWN',
    origin: 'internal',
  });
}

function metadataJson(object: ConfigObject): JsonObject {
  const { metadata } = object;
  const json: JsonObject = Object.create(null);
  json.name = metadata.name;
  if (metadata.namespace !== '') json.namespace = metadata.namespace;
  if (Object.keys(metadata.labels).length > 0) json.labels = metadata.labels;
  if (Object.keys(metadata.annotations).length > 0) json.annotations = metadata.annotations;
  for (const field of ['creationTimestamp', 'generation', 'resourceVersion', 'uid'] as const) {
    if (metadata[field] !== undefined) json[field] = metadata[field];
  }
  return json;
}

/** Kubernetes JSON of an object; the spec in proto3 JSON. @throws LateenError LTN_CONFIG_KIND_UNKNOWN. */
export function objectToJson(object: ConfigObject): JsonObject {
  const definition = definitionOf(object);
  const json: JsonObject = Object.create(null);
  json.apiVersion = object.apiVersion;
  json.kind = object.kind;
  json.metadata = metadataJson(object);
  const spec = encodeMessage(definition.message, object.spec as object);
  if (definition.body === 'root') Object.assign(json, spec);
  else json.spec = spec;
  if (object.status !== undefined) json.status = object.status;
  return json;
}

/** YAML of an object, as `objectToJson` in block style. @throws LateenError LTN_CONFIG_KIND_UNKNOWN. */
export function objectToYaml(object: ConfigObject): string {
  return stringify(objectToJson(object), { lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * An object of the spelling before Istio 1.1 (`kind: denier`) as it was written; `undefined` for every other object.
 * Decoding the result gives the object again.
 */
export function legacySpelling(object: ConfigObject): JsonObject | undefined {
  const kind = object.metadata.annotations[legacyKindAnnotation];
  const suffix = `.${kind}`;
  if (kind === undefined || !object.metadata.name.endsWith(suffix)) return undefined;
  const json = objectToJson(object);
  const spec = json.spec as { params?: JsonObject; attributeBindings?: JsonObject };
  const metadata = json.metadata as JsonObject;
  const annotations: JsonObject = Object.assign(Object.create(null), object.metadata.annotations);
  delete annotations[legacyKindAnnotation];
  metadata.name = object.metadata.name.slice(0, -suffix.length);
  if (Object.keys(annotations).length > 0) metadata.annotations = annotations;
  else delete metadata.annotations;
  json.kind = kind;
  json.spec = {
    ...spec.params,
    ...(spec.attributeBindings ? { attributeBindings: spec.attributeBindings } : {}),
  };
  return json;
}
