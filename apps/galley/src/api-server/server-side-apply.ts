import {
  describePath,
  type FieldPath,
  type FieldValues,
  fieldsOf,
  isJson,
  itemStep,
  type Json,
  kindOfList,
  pathOfText,
  pathsOf,
} from '../store/field-set.ts';
import {
  entryOf,
  type FieldWriter,
  type ManagedFieldsEntry,
  managedFieldsOf,
} from '../store/managed-fields.ts';
import { ApiFailure } from './api-status.ts';

/** A server-side apply. */
export interface ServerSideApply {
  /** The object as it is stored, in Kubernetes' form. */
  readonly live: Json | undefined;
  /** What the manager wants, in the same spelling as the stored form. */
  readonly applied: Json;
  readonly writer: FieldWriter;
  /** Takes over fields of others instead of failing. */
  readonly force: boolean;
}

/** Its outcome: the merged object and who owns what. */
export interface ServerSideApplied {
  readonly object: Json;
  readonly managedFields: readonly ManagedFieldsEntry[];
}

const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Manager names of kubectl: server-side apply takes over from client-side apply without a conflict. */
const kubectl = { serverSide: 'kubectl', clientSide: 'kubectl-client-side-apply' };

/**
 * Merges an applied configuration field by field: what the manager applies is set and owned by it, what it applied before
 * and doesn't any more is removed unless somebody else owns it, everything else stays. @throws ApiFailure Conflict when
 * another manager owns a field with another value. Source: Kubernetes, "Server-Side Apply".
 */
export function serverSideApply({ live, applied, writer, force }: ServerSideApply): ServerSideApplied {
  const entries = managedFieldsOf(live);
  const liveFields = live ? fieldsOf(live, writer.part) : new Map<string, string>();
  const wanted = fieldsOf(applied, writer.part);
  const isOwn = (entry: ManagedFieldsEntry): boolean =>
    entry.manager === writer.manager &&
    entry.operation === 'Apply' &&
    (entry.subresource === 'status') === (writer.part === 'status');
  const own = entries.find(isOwn);
  const others = entries.filter((entry) => entry !== own);
  const disputed = (path: string): boolean =>
    liveFields.has(path) && wanted.has(path) && liveFields.get(path) !== wanted.get(path);
  const forgiven = lastApplied(live, writer);
  const conflicts: { manager: string; path: string }[] = [];
  const kept: ManagedFieldsEntry[] = [];
  for (const entry of others) {
    const paths = pathsOf(entry.fieldsV1);
    const lost = new Set([...paths].filter(disputed));
    for (const path of lost) {
      const handedOver = entry.manager === kubectl.clientSide && forgiven?.get(path) === liveFields.get(path);
      if (!handedOver) conflicts.push({ manager: conflictManager(entry), path });
    }
    const left = [...paths].filter((path) => !lost.has(path));
    if (left.length === paths.size) kept.push(entry);
    else if (left.length > 0) kept.push({ ...entry, fieldsV1: entryOf(writer, 'Apply', left).fieldsV1 });
  }
  if (conflicts.length > 0 && !force) throw conflictFailure(conflicts);

  let object: Json = overlay(live ?? {}, applied, []) as Json;
  const owned = new Set(kept.flatMap((entry) => [...pathsOf(entry.fieldsV1)]));
  const dropped = [...pathsOf(own?.fieldsV1 ?? {})].filter(
    (path) => !wanted.has(path) && !owned.has(path) && !isPrefix(path, wanted),
  );
  // Items before their members: what is left of an item that goes is nobody's concern.
  for (const path of dropped) object = without(object, pathOfText(path)) as Json;
  const paths = [...wanted.keys()];
  const unchanged = own && samePaths(pathsOf(own.fieldsV1), paths) && own.apiVersion === writer.apiVersion;
  const entry = unchanged ? own : entryOf(writer, 'Apply', paths);
  return { object, managedFields: [...kept, ...(paths.length > 0 ? [entry] : [])] };
}

function samePaths(a: ReadonlySet<string>, b: readonly string[]): boolean {
  return a.size === b.length && b.every((path) => a.has(path));
}

/** An empty mapping that was applied before and has fields now is no removal. */
function isPrefix(path: string, wanted: FieldValues): boolean {
  for (const other of wanted.keys()) if (other.startsWith(`${path}\n`)) return true;
  return false;
}

/** Fields of the last client-side apply, which its server-side successor may take over. */
function lastApplied(live: Json | undefined, { manager, part }: FieldWriter): FieldValues | undefined {
  if (manager !== kubectl.serverSide || !isJson(live?.metadata)) return undefined;
  const { annotations } = live.metadata;
  const text = isJson(annotations) ? annotations[lastAppliedAnnotation] : undefined;
  if (typeof text !== 'string') return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return isJson(json) ? fieldsOf(json, part) : undefined;
  } catch {
    return undefined; // somebody wrote something else there: then it hands nothing over
  }
}

function overlay(live: unknown, applied: unknown, path: FieldPath): unknown {
  if (isJson(applied)) {
    const result: { [key: string]: unknown } = Object.create(null);
    if (isJson(live)) for (const [key, value] of Object.entries(live)) result[key] = value;
    for (const [key, value] of Object.entries(applied))
      result[key] = overlay(result[key], value, [...path, `f:${key}`]);
    return result;
  }
  if (!Array.isArray(applied) || !Array.isArray(live)) return applied;
  const kind = kindOfList(path, [...applied, ...live]);
  if (kind === 'atomic') return applied;
  if (kind === 'set') return [...new Set([...(live as unknown[]), ...(applied as unknown[])])];
  const result = [...(live as unknown[])];
  for (const item of applied as readonly unknown[]) {
    const step = itemStep(item, kind.keys);
    const index = result.findIndex((other) => itemStep(other, kind.keys) === step);
    if (index < 0) result.push(item);
    else result[index] = overlay(result[index], item, [...path, step]);
  }
  return result;
}

/** The value without what stands at a path; mappings that become empty by it go too. */
function without(value: unknown, path: FieldPath, at: FieldPath = []): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return undefined;
  if (step.startsWith('f:')) {
    const name = step.slice(2);
    if (!isJson(value) || !Object.hasOwn(value, name)) return value;
    const inner = without(value[name], rest, [...at, step]);
    const result: { [key: string]: unknown } = Object.assign(Object.create(null), value);
    const empty = inner === undefined || (at.length > 0 && isJson(inner) && Object.keys(inner).length === 0);
    if (empty) delete result[name];
    else result[name] = inner;
    return result;
  }
  if (!Array.isArray(value)) return value;
  const list = value as readonly unknown[];
  if (step.startsWith('v:')) {
    const left = list.filter((item) => `v:${JSON.stringify(item)}` !== step);
    return left.length > 0 ? left : undefined;
  }
  const kind = kindOfList(at, list);
  if (typeof kind === 'string') return value;
  const index = list.findIndex((item) => itemStep(item, kind.keys) === step);
  if (index < 0) return value;
  const inner = rest[0] === '.' ? undefined : without(list[index], rest, [...at, step]);
  const left = inner === undefined ? list.toSpliced(index, 1) : list.with(index, inner);
  return left.length > 0 ? left : undefined;
}

function conflictManager(entry: ManagedFieldsEntry): string {
  const using = entry.operation === 'Update' ? ` using ${entry.apiVersion}` : '';
  return `"${entry.manager}"${using}`;
}

/** Kubernetes' words; kubectl prints them with its advice. */
function conflictFailure(conflicts: readonly { manager: string; path: string }[]): ApiFailure {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field: describePath(path),
  }));
  const managers = [...new Set(conflicts.map(({ manager }) => manager))];
  const said = managers.map((manager) => {
    const fields = conflicts.filter((conflict) => conflict.manager === manager);
    return `conflicts with ${manager}:\n${fields.map(({ path }) => `- ${describePath(path)}`).join('\n')}`;
  });
  const one = conflicts.length === 1;
  const message = one
    ? `Apply failed with 1 conflict: conflict with ${managers[0]}: ${causes[0]!.field}`
    : `Apply failed with ${conflicts.length} conflicts: ${said.join('\n')}`;
  return new ApiFailure('Conflict', message, { causes });
}
