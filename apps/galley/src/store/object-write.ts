import type { ConfigObject } from '@lateen/config-schema';
import { canonicalJson } from './canonical-json.ts';
import { type CatalogEntry, type KubernetesObject, keyOf } from './catalog-entry.ts';
import type { StoredChange } from './config-store.ts';

/** What a write needs beside the object. */
export interface WriteContext {
  readonly type: string;
  /** The object as it is stored, if it is. */
  readonly existing: CatalogEntry | undefined;
  /** The written object in Kubernetes' form. */
  readonly json: KubernetesObject;
  readonly object: ConfigObject;
  /** The file that declares it, for watched directories. */
  readonly owner?: string;
  readonly nowMs: number;
  readonly newUid: () => string;
}

/** Metadata fields that galley sets; what a client sends there doesn't count. */
const managed = ['resourceVersion', 'generation', 'uid', 'creationTimestamp', 'managedFields', 'selfLink'];

/**
 * The change that a write makes, or `unchanged` when the stored object says the same already. `generation` counts
 * changes of anything but metadata and status, as Kubernetes' does. A status is kept until a status write changes it.
 */
export function planWrite(context: WriteContext): StoredChange | 'unchanged' {
  const { existing, json, object, owner, type } = context;
  const { name, namespace } = object.metadata;
  const before = existing && content(existing.json);
  const after = content(json);
  const sameOwner = existing?.owner === owner;
  if (before && sameOwner && canonicalJson(before) === canonicalJson(after)) return 'unchanged';
  const specChanged =
    !before || canonicalJson(withoutMetadata(before)) !== canonicalJson(withoutMetadata(after));
  const generation = (existing?.object.metadata.generation ?? 0) + (specChanged ? 1 : 0);
  const metadata = {
    ...after.metadata,
    uid: existing?.object.metadata.uid ?? context.newUid(),
    creationTimestamp: existing?.object.metadata.creationTimestamp ?? rfc3339(context.nowMs),
    generation,
  };
  const status = existing?.json.status;
  const body = JSON.stringify({ ...after, metadata, ...(status === undefined ? {} : { status }) });
  const action = existing ? 'updated' : 'created';
  const change = { type, key: keyOf(namespace, name), action, body } as const;
  return owner === undefined ? change : { ...change, owner };
}

/** The change that deletes an object. */
export function planDelete(entry: CatalogEntry): StoredChange {
  const { resourceVersion: _revision, ...metadata } = entry.json.metadata;
  const change = { type: entry.type, key: entry.key, action: 'deleted' as const };
  const body = JSON.stringify({ ...entry.json, metadata });
  return entry.owner === undefined ? { ...change, body } : { ...change, body, owner: entry.owner };
}

/** What of an object its author wrote. */
function content(json: KubernetesObject): KubernetesObject {
  const { status: _status, metadata, ...rest } = json;
  const own: { [field: string]: unknown } = Object.create(null);
  for (const [field, value] of Object.entries(metadata)) if (!managed.includes(field)) own[field] = value;
  return { ...rest, metadata: own } as KubernetesObject;
}

/** The version that an object is written in says nothing about what it asks for. */
function withoutMetadata({ metadata: _metadata, apiVersion: _version, ...rest }: KubernetesObject): object {
  return rest;
}

/** Seconds precision, as Kubernetes writes it. */
function rfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
