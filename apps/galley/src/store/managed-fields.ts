import { canonicalJson } from './canonical-json.ts';
import { fieldsOf, fieldsV1, isJson, type Json, type ObjectPart, pathsOf } from './field-set.ts';

/** Who set which fields. Source: Kubernetes meta/v1 ManagedFieldsEntry. */
export interface ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: Json;
  readonly subresource?: string;
}

/** Who writes, and when. */
export interface FieldWriter {
  readonly manager: string;
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time: string;
  readonly part: ObjectPart;
}

/** Most entries kept for managers that update; the one that wrote longest ago falls out. Source: Kubernetes. */
const maxUpdateManagers = 10;

/** Entries of an object's metadata, without those that can't be read. */
export function managedFieldsOf(object: { readonly metadata?: unknown } | undefined): ManagedFieldsEntry[] {
  const { managedFields } = (isJson(object?.metadata) ? object.metadata : {}) as { managedFields?: unknown };
  return Array.isArray(managedFields) ? managedFields.filter(isEntry) : [];
}

/**
 * Ownership after an update: what changed belongs to the writer alone, what was removed to nobody. Source: Kubernetes,
 * "Field management".
 */
export function trackUpdate(
  entries: readonly ManagedFieldsEntry[],
  change: { readonly before: Json | undefined; readonly after: Json },
  writer: FieldWriter,
): ManagedFieldsEntry[] {
  const before = change.before ? fieldsOf(change.before, writer.part) : new Map<string, string>();
  const after = fieldsOf(change.after, writer.part);
  const changed = [...after].filter(([path, value]) => before.get(path) !== value).map(([path]) => path);
  const taken = new Set([...changed, ...[...before.keys()].filter((path) => !after.has(path))]);
  if (taken.size === 0) return [...entries];
  const kept: ManagedFieldsEntry[] = [];
  let own = new Set<string>();
  for (const entry of entries) {
    const paths = pathsOf(entry.fieldsV1);
    const left = [...paths].filter((path) => !taken.has(path));
    if (isWriters(entry, writer)) own = new Set(left);
    else if (left.length === paths.size) kept.push(entry);
    else if (left.length > 0) kept.push({ ...entry, fieldsV1: fieldsV1(left) });
  }
  for (const path of changed) own.add(path);
  if (own.size > 0) kept.push(entryOf(writer, 'Update', own));
  const updates = kept.filter((entry) => entry.operation === 'Update');
  const dropped = new Set(updates.slice(0, Math.max(0, updates.length - maxUpdateManagers)));
  return kept.filter((entry) => !dropped.has(entry));
}

/** An entry of a writer. */
export function entryOf(
  writer: FieldWriter,
  operation: 'Apply' | 'Update',
  paths: Iterable<string>,
): ManagedFieldsEntry {
  const { manager, apiVersion, time, part } = writer;
  const subresource = part === 'status' ? { subresource: 'status' } : {};
  return {
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsV1(paths),
    ...subresource,
  };
}

/** Do two lists say the same, whatever the times? */
export function sameOwnership(a: readonly ManagedFieldsEntry[], b: readonly ManagedFieldsEntry[]): boolean {
  const text = (entries: readonly ManagedFieldsEntry[]): string =>
    canonicalJson(entries.map(({ time: _time, ...entry }) => canonicalJson(entry)).sort());
  return text(a) === text(b);
}

function isWriters(entry: ManagedFieldsEntry, { manager, part }: FieldWriter): boolean {
  return (
    entry.manager === manager &&
    entry.operation === 'Update' &&
    (entry.subresource === 'status') === (part === 'status')
  );
}

function isEntry(value: unknown): value is ManagedFieldsEntry {
  return (
    isJson(value) &&
    typeof value.manager === 'string' &&
    (value.operation === 'Apply' || value.operation === 'Update') &&
    isJson(value.fieldsV1)
  );
}
