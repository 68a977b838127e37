import { randomUUID } from 'node:crypto';
import { describeObject, type SkipNotice, type Violation } from '@lateen/config-schema';
import { type Admission, type AdmittedObject, admitText, maxDocuments } from './admission.ts';
import type { Catalog } from './catalog.ts';
import { keyOf, typeOf } from './catalog-entry.ts';
import type { StoredChange } from './config-store.ts';
import { planWrite } from './object-write.ts';
import { analyzeWrite } from './write-analysis.ts';

/** What an apply did to one document. */
interface ApplyResult {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly action: 'created' | 'configured' | 'unchanged' | 'skipped';
  readonly warnings: readonly Violation[];
}

/** Outcome of an apply: a revision at which everything holds, or all violations and nothing stored. */
export type ApplyOutcome =
  | { kind: 'applied'; revision: number; results: readonly ApplyResult[] }
  | { kind: 'refused'; violations: readonly Violation[] };

/** A text of an apply. */
export interface ApplyFile {
  /** YAML or JSON, several documents. */
  readonly documents: string;
  /** Name for positions in messages. */
  readonly file?: string;
}

/** One apply. */
export interface ApplyRequest {
  readonly files: readonly ApplyFile[];
  /** Namespace of documents that name none. */
  readonly namespace?: string;
  readonly dryRun?: boolean;
  readonly nowMs: number;
}

/** Stores the documents of all files as one transaction. Objects that say the same already are left alone. */
export async function applyText(catalog: Catalog, request: ApplyRequest): Promise<ApplyOutcome> {
  const { nowMs } = request;
  const admission = admitFiles(request);
  if (admission.kind === 'refused') return admission;
  const twice = duplicates(admission.objects);
  if (twice.length > 0) return { kind: 'refused', violations: twice };
  const { revision, value } = await catalog.transact<{
    errors: readonly Violation[];
    results?: readonly ApplyResult[];
  }>(() => {
    const changes: StoredChange[] = [];
    const { errors, warningsOf } = analyzeWrite(catalog, admission.objects);
    if (errors.length > 0) return { changes, value: { errors } };
    const results = admission.objects.map(({ kind, object, json, warnings }): ApplyResult => {
      const type = typeOf(kind);
      const { name, namespace: at } = object.metadata;
      const existing = catalog.get(type, keyOf(at, name));
      const change = planWrite({ type, existing, json, object, nowMs, newUid: randomUUID });
      if (change !== 'unchanged') changes.push(change);
      const action =
        change === 'unchanged' ? 'unchanged' : change.action === 'created' ? 'created' : 'configured';
      const all = [...warnings, ...warningsOf(object)];
      return { kind: object.kind, namespace: at, name, action, warnings: all };
    });
    return { changes: request.dryRun ? [] : changes, value: { errors, results } };
  });
  if (!value.results) return { kind: 'refused', violations: value.errors };
  const skipped = admission.skipped.map(({ kind, name, namespace: at, reason, position }): ApplyResult => {
    const warning: Violation = {
      path: '',
      message: reason,
      severity: 'warning',
      ...(position ? { position } : {}),
    };
    return { kind, namespace: at, name, action: 'skipped', warnings: [warning] };
  });
  return { kind: 'applied', revision, results: [...value.results, ...skipped] };
}

/** All files, or all violations of all files. */
function admitFiles({ files, namespace }: ApplyRequest): Admission {
  const objects: AdmittedObject[] = [];
  const skipped: SkipNotice[] = [];
  const violations: Violation[] = [];
  for (const { documents, file } of files) {
    const options = { ...(file ? { file } : {}), ...(namespace ? { namespace } : {}) };
    const admission = admitText(documents, options);
    if (admission.kind === 'refused') violations.push(...admission.violations);
    else {
      objects.push(...admission.objects);
      skipped.push(...admission.skipped);
    }
  }
  if (objects.length > maxDocuments) {
    const message = `${objects.length} documents in one apply, at most ${maxDocuments} are taken`;
    violations.push({ path: '', message, severity: 'error' });
  }
  return violations.length > 0 ? { kind: 'refused', violations } : { kind: 'admitted', objects, skipped };
}

/** Two documents for one object: which one counts would be a guess. */
export function duplicates(objects: readonly AdmittedObject[]): Violation[] {
  const seen = new Map<string, AdmittedObject>();
  const violations: Violation[] = [];
  for (const admitted of objects) {
    const { kind, object } = admitted;
    const id = `${typeOf(kind)} ${keyOf(object.metadata.namespace, object.metadata.name)}`;
    const first = seen.get(id);
    if (!first) {
      seen.set(id, admitted);
      continue;
    }
    const line = first.object.position?.line;
    const message = `${describeObject(object)} is declared twice${line === undefined ? '' : `, first in line ${line}`}`;
    const position = object.position ? { position: object.position } : {};
    violations.push({ path: 'metadata.name', message, severity: 'error', ...position });
  }
  return violations;
}
