import { randomUUID } from 'node:crypto';
import { describeObject, type Violation } from '@lateen/config-schema';
import { admitText } from '../store/admission.ts';
import { duplicates } from '../store/apply.ts';
import type { Catalog } from '../store/catalog.ts';
import { type CatalogEntry, keyOf, typeOf } from '../store/catalog-entry.ts';
import type { StoredChange } from '../store/config-store.ts';
import { planDelete, planWrite } from '../store/object-write.ts';
import { analyzeWrite } from '../store/write-analysis.ts';

/** Outcome of one file: what it says now holds, or its last good objects stay because of the violations. */
export type FileOutcome =
  | { kind: 'accepted'; revision: number; objects: number; warnings: readonly Violation[] }
  | { kind: 'refused'; violations: readonly Violation[] };

/** Makes the store say what a file says, as one transaction: objects that the file no longer declares go. */
export async function acceptFile(
  catalog: Catalog,
  { path, text, nowMs }: { path: string; text: string; nowMs: number },
): Promise<FileOutcome> {
  const admission = admitText(text, { file: path });
  if (admission.kind === 'refused') return admission;
  const twice = duplicates(admission.objects);
  if (twice.length > 0) return { kind: 'refused', violations: twice };
  const { revision, value } = await catalog.transact(() => {
    const analysis = analyzeWrite(catalog, admission.objects);
    const taken: Violation[] = [...analysis.errors];
    const changes: StoredChange[] = [];
    const declared = new Set<string>();
    for (const { kind, object, json } of admission.objects) {
      const type = typeOf(kind);
      const key = keyOf(object.metadata.namespace, object.metadata.name);
      const existing = catalog.get(type, key);
      declared.add(`${type} ${key}`);
      if (existing?.owner !== undefined && existing.owner !== path) {
        const message = `${describeObject(object)} is declared by ${existing.owner} already`;
        const position = object.position ? { position: object.position } : {};
        taken.push({ path: 'metadata.name', message, severity: 'error', ...position });
      }
      const change = planWrite({ type, existing, json, object, owner: path, nowMs, newUid: randomUUID });
      if (change !== 'unchanged') changes.push(change);
    }
    if (taken.length > 0) return { changes: [], value: { taken, warnings: [] } };
    for (const entry of ownedBy(catalog, path)) {
      if (!declared.has(`${entry.type} ${entry.key}`)) changes.push(planDelete(entry));
    }
    const warnings = admission.objects.flatMap((each) => [
      ...each.warnings,
      ...analysis.warningsOf(each.object),
    ]);
    return { changes, value: { taken, warnings } };
  });
  const { taken, warnings } = value;
  if (taken.length > 0) return { kind: 'refused', violations: taken };
  return { kind: 'accepted', revision, objects: admission.objects.length, warnings };
}

/** Removes what a deleted file declared; answers how many objects that were. */
export async function removeFile(catalog: Catalog, path: string): Promise<number> {
  const { value } = await catalog.transact(() => {
    const changes = ownedBy(catalog, path).map(planDelete);
    return { changes, value: changes.length };
  });
  return value;
}

/** Files that own objects in the store. */
export function owners(catalog: Catalog): Set<string> {
  const found = new Set<string>();
  for (const { owner } of catalog.all()) if (owner !== undefined) found.add(owner);
  return found;
}

function ownedBy(catalog: Catalog, path: string): CatalogEntry[] {
  return [...catalog.all()].filter((entry) => entry.owner === path);
}
