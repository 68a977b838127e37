import { canonicalJson } from './canonical-json.ts';

/** A JSON object of any fields. */
export type Json = { readonly [field: string]: unknown };

/** Which part of an object: everything but its status, or the status alone, as the status subresource writes it. */
export type ObjectPart = 'main' | 'status';

/** Steps of a path in the words of managedFields: `f:NAME`, `k:{"port":80}`, `v:"VALUE"`, and `.` for a list's item itself. */
export type FieldPath = readonly string[];

/** Fields by their path's text, with the value of each in canonical JSON. */
export type FieldValues = ReadonlyMap<string, string>;

/** Fields that the server sets, which nobody owns. */
const unowned = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
  'generateName',
]);

const separator = '\n';

/** Text of a path, for sets and maps. */
function pathText(path: FieldPath): string {
  return path.join(separator);
}

/** Path of a text that `pathText` made. */
export function pathOfText(text: string): FieldPath {
  return text.split(separator);
}

/** `.spec.ports[port=80]`, as Kubernetes names a field in a conflict. */
export function describePath(text: string): string {
  return pathOfText(text)
    .filter((step) => step !== '.')
    .map((step) => {
      const rest = step.slice(2);
      if (step.startsWith('f:')) return `.${rest}`;
      if (step.startsWith('v:')) return `[=${rest}]`;
      const keys = Object.entries(JSON.parse(rest) as Json);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}

/** How a list merges: as one value, as a set of values, or item by item under some keys. */
export type ListKind = 'atomic' | 'set' | { readonly keys: readonly string[] };

/** Defaults of keys that items may leave out. */
const keyDefaults: Json = { protocol: 'TCP' };

/**
 * Kind of the list at a path. Istio's schemas name no map keys, so their lists are atomic; Kubernetes' own are keyed.
 * Source: `x-kubernetes-list-type` of the schemas.
 */
export function listKind(path: FieldPath): ListKind {
  switch (path.join('/')) {
    case 'f:metadata/f:finalizers':
      return 'set';
    case 'f:metadata/f:ownerReferences':
      return { keys: ['uid'] };
    case 'f:spec/f:ports':
      return { keys: ['port', 'protocol'] };
    case 'f:status/f:conditions':
      return { keys: ['type'] };
    default:
      return 'atomic';
  }
}

/** Step of a keyed list's item. */
export function itemStep(item: unknown, keys: readonly string[]): string {
  const key: { [field: string]: unknown } = {};
  for (const field of keys) {
    const value = isJson(item) ? (item[field] ?? keyDefaults[field]) : undefined;
    if (value !== undefined) key[field] = value;
  }
  return `k:${canonicalJson(key)}`;
}

/** Is the list at this path keyed in this object? Lists of `spec.ports` that have no `port` numbers are atomic. */
export function kindOfList(path: FieldPath, list: readonly unknown[]): ListKind {
  const kind = listKind(path);
  if (typeof kind === 'string') return kind;
  const keyed = list.every((item) => isJson(item) && isScalar(item[kind.keys[0]!]));
  return keyed ? kind : 'atomic';
}

/** The fields of one part of an object: scalars, atomic lists and empty mappings are leaves. */
export function fieldsOf(object: Json, part: ObjectPart): FieldValues {
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(object)) {
    if (name === 'apiVersion' || name === 'kind' || (name === 'status') !== (part === 'status')) continue;
    if (name === 'metadata' && isJson(value)) {
      for (const [field, inner] of Object.entries(value))
        if (!unowned.has(field)) collect(fields, ['f:metadata', `f:${field}`], inner);
    } else collect(fields, [`f:${name}`], value);
  }
  return fields;
}

function collect(fields: Map<string, string>, path: FieldPath, value: unknown): void {
  if (isJson(value)) {
    const entries = Object.entries(value);
    if (entries.length === 0) fields.set(pathText(path), '{}');
    for (const [name, inner] of entries) collect(fields, [...path, `f:${name}`], inner);
    return;
  }
  const kind = Array.isArray(value) ? kindOfList(path, value) : 'atomic';
  if (kind === 'atomic' || !Array.isArray(value)) {
    if (value !== undefined) fields.set(pathText(path), canonicalJson(value));
    return;
  }
  for (const item of value as readonly unknown[]) {
    if (kind === 'set') fields.set(pathText([...path, `v:${JSON.stringify(item)}`]), '');
    else {
      const at = [...path, itemStep(item, kind.keys)];
      fields.set(pathText([...at, '.']), '');
      collect(fields, at, item);
    }
  }
}

/** FieldsV1: a tree whose leaves are empty objects. Source: Kubernetes meta/v1 FieldsV1. */
export function fieldsV1(paths: Iterable<string>): Json {
  const tree: { [step: string]: unknown } = Object.create(null);
  for (const text of [...paths].sort()) {
    let at = tree;
    for (const step of pathOfText(text)) at = (at[step] ??= Object.create(null)) as typeof tree;
  }
  return tree;
}

/** Paths of a FieldsV1 tree. */
export function pathsOf(tree: unknown): Set<string> {
  const paths = new Set<string>();
  const visit = (node: unknown, path: FieldPath): void => {
    const entries = isJson(node) ? Object.entries(node) : [];
    if (entries.length === 0 && path.length > 0) paths.add(pathText(path));
    for (const [step, inner] of entries) visit(inner, [...path, step]);
  };
  visit(tree, []);
  return paths;
}

/** Is it a mapping? */
export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}
