import type { ConfigObject } from '@lateen/config-schema';
import { canonicalJson } from './canonical-json.ts';
import { type CatalogEntry, type KubernetesObject, keyOf } from './catalog-entry.ts';
import type { StoredChange } from './config-store.ts';
import { type ManagedFieldsEntry, managedFieldsOf, sameOwnership, trackUpdate } from './managed-fields.ts';
import type { ObjectExtras } from './object-extras.ts';

/** What a write needs beside the object. */
export interface WriteContext {
  readonly type: string;
  /** The object as it is stored, if it is. */
  readonly existing: CatalogEntry | undefined;
  /** The written object in Kubernetes' form. */
  readonly json: KubernetesObject;
  readonly object: ConfigObject;
  /** Metadata that only Kubernetes' tools read; absent: the stored ones stay. */
  readonly extras?: ObjectExtras;
  /** Name of the writer for managedFields; without one, ownership is kept only for objects that have it already. */
  readonly manager?: string;
  /** Ownership that was worked out already, by a server-side apply. */
  readonly managedFields?: readonly ManagedFieldsEntry[];
  /** The file that declares it, for watched directories. */
  readonly owner?: string;
  readonly nowMs: number;
  readonly newUid: () => string;
}

/** Metadata fields that galley sets; what a client sends there doesn't count. */
const managed = [
  'resourceVersion',
  'generation',
  'uid',
  'creationTimestamp',
  'managedFields',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];
/** Metadata that stays when a writer doesn't know of it. */
const kept = ['finalizers', 'ownerReferences', 'generateName'];
/** Manager of writes whose writer has no name. */
const defaultManager = 'lateen';

/**
 * The change that a write makes, or `unchanged` when the stored object says the same already. `generation` counts
 * changes of anything but metadata and status, as Kubernetes' does. A status is kept until a status write changes it. An
 * object that waits for its finalizers is deleted by the write that removes the last one.
 */
export function planWrite(context: WriteContext): StoredChange | 'unchanged' {
  const { existing, json, object, owner, type } = context;
  const { name, namespace } = object.metadata;
  const before = existing && content(existing.json);
  const after = withExtras(content(json), context);
  const managedFields = ownership(context, after);
  const sameOwner = existing?.owner === owner;
  const sameText = before !== undefined && canonicalJson(before) === canonicalJson(after);
  if (sameText && sameOwner && sameOwnership(managedFields, managedFieldsOf(existing?.json)))
    return 'unchanged';
  const specChanged =
    !before || canonicalJson(withoutMetadata(before)) !== canonicalJson(withoutMetadata(after));
  const generation = (existing?.object.metadata.generation ?? 0) + (specChanged ? 1 : 0);
  const stored = existing?.json.metadata ?? {};
  const deletion = stored.deletionTimestamp;
  const metadata = {
    ...after.metadata,
    uid: existing?.object.metadata.uid ?? context.newUid(),
    creationTimestamp: existing?.object.metadata.creationTimestamp ?? rfc3339(context.nowMs),
    generation,
    ...(deletion === undefined ? {} : { deletionTimestamp: deletion, deletionGracePeriodSeconds: 0 }),
    ...(managedFields.length > 0 ? { managedFields } : {}),
  };
  const status = existing?.json.status;
  const body = JSON.stringify({ ...after, metadata, ...(status === undefined ? {} : { status }) });
  const released = deletion !== undefined && finalizersOf(after).length === 0;
  const action = released ? 'deleted' : existing ? 'updated' : 'created';
  const change = { type, key: keyOf(namespace, name), action, body } as const;
  return owner === undefined ? change : { ...change, owner };
}

/** The change that deletes an object, whatever its finalizers. */
export function planDelete(entry: CatalogEntry): StoredChange {
  return changeOf(entry, 'deleted', entry.json);
}

/** The change of a deletion by a client: an object with finalizers is only marked until the last of them is gone. */
export function planRemoval(entry: CatalogEntry, nowMs: number): StoredChange | 'unchanged' {
  if (finalizersOf(entry.json).length === 0) return planDelete(entry);
  if (entry.json.metadata.deletionTimestamp !== undefined) return 'unchanged';
  const metadata = {
    ...entry.json.metadata,
    generation: (entry.object.metadata.generation ?? 0) + 1,
    deletionTimestamp: rfc3339(nowMs),
    deletionGracePeriodSeconds: 0,
  };
  return changeOf(entry, 'updated', { ...entry.json, metadata });
}

/** The change that sets an object's status, or `unchanged`. Neither the generation nor anybody's config moves. */
export function planStatus(
  entry: CatalogEntry,
  status: unknown,
  writer: {
    readonly manager: string;
    readonly nowMs: number;
    /** Ownership that was worked out already. */
    readonly managedFields?: readonly ManagedFieldsEntry[];
  },
): StoredChange | 'unchanged' {
  const stored = managedFieldsOf(entry.json);
  const { status: _old, ...rest } = entry.json;
  const after = status === undefined ? rest : { ...rest, status };
  const { manager, nowMs } = writer;
  const { apiVersion } = entry.json;
  const managedFields =
    writer.managedFields ??
    trackUpdate(
      stored,
      { before: entry.json, after },
      { manager, apiVersion, time: rfc3339(nowMs), part: 'status' },
    );
  const sameStatus = canonicalJson(entry.json.status) === canonicalJson(status);
  if (sameStatus && sameOwnership(stored, managedFields)) return 'unchanged';
  const metadata = { ...entry.json.metadata, ...(managedFields.length > 0 ? { managedFields } : {}) };
  return changeOf(entry, 'status', { ...after, metadata } as KubernetesObject);
}

/** Seconds precision, as Kubernetes writes it. */
export function rfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

function changeOf(entry: CatalogEntry, action: StoredChange['action'], json: KubernetesObject): StoredChange {
  const { resourceVersion: _revision, ...metadata } = json.metadata;
  const body = JSON.stringify({ ...json, metadata });
  const change = { type: entry.type, key: entry.key, action, body };
  return entry.owner === undefined ? change : { ...change, owner: entry.owner };
}

function withExtras(after: KubernetesObject, { existing, extras }: WriteContext): KubernetesObject {
  const source = extras ?? (existing?.json.metadata as ObjectExtras | undefined) ?? {};
  const metadata: { [field: string]: unknown } = Object.assign(Object.create(null), after.metadata);
  for (const field of kept) {
    const value = source[field as keyof ObjectExtras];
    const empty = value === undefined || value.length === 0;
    if (empty) delete metadata[field];
    else metadata[field] = value;
  }
  return { ...after, metadata };
}

function ownership(context: WriteContext, after: KubernetesObject): readonly ManagedFieldsEntry[] {
  const { existing, extras, manager } = context;
  if (context.managedFields) return context.managedFields;
  const stored = managedFieldsOf(existing?.json);
  // A client may move ownership by writing the list, as kubectl does on its way to server-side apply.
  const stated = extras?.managedFields === undefined ? [] : managedFieldsOf({ metadata: extras });
  const entries = stated.length > 0 ? stated : stored;
  if (manager === undefined && entries.length === 0) return [];
  return trackUpdate(
    entries,
    { before: existing?.json, after },
    {
      manager: manager ?? defaultManager,
      apiVersion: after.apiVersion,
      time: rfc3339(context.nowMs),
      part: 'main',
    },
  );
}

function finalizersOf(object: KubernetesObject): readonly unknown[] {
  const { finalizers } = object.metadata;
  return Array.isArray(finalizers) ? finalizers : [];
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
