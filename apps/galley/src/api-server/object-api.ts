import { randomInt, randomUUID } from 'node:crypto';
import { formatViolation, type KindDefinition, type Violation } from '@lateen/config-schema';
import type { Clock } from '@lateen/runtime';
import type { AdmittedObject } from '../store/admission.ts';
import type { Catalog } from '../store/catalog.ts';
import { type CatalogEntry, type KubernetesObject, keyOf, typeOf } from '../store/catalog-entry.ts';
import type { StoredChange } from '../store/config-store.ts';
import { isJson, type Json } from '../store/field-set.ts';
import type { ManagedFieldsEntry } from '../store/managed-fields.ts';
import { planRemoval, planStatus, planWrite, rfc3339 } from '../store/object-write.ts';
import { analyzeWrite } from '../store/write-analysis.ts';
import { ApiFailure, invalidObject } from './api-status.ts';
import { admitBody, type FieldValidation, normalized } from './object-body.ts';
import { applyPatch, type PatchType } from './patch.ts';
import { apiVersionOf, inScope, present, type ResourceTarget, resourceName } from './resource-target.ts';
import type { Selector } from './selector.ts';
import { serverSideApply } from './server-side-apply.ts';

/** How a write is meant. */
export interface WriteOptions {
  readonly dryRun: boolean;
  /** Name of the writer for managedFields. */
  readonly manager: string;
  /** What becomes of unknown fields; absent: they are violations like others. */
  readonly fieldValidation?: FieldValidation;
}

/** What must hold for a deletion. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** Outcome of a write: the object as it is now, and what its author should hear. */
export interface WriteOutcome {
  readonly object: KubernetesObject;
  readonly created: boolean;
  readonly warnings: readonly string[];
}

/** What the object operations need. */
export interface ObjectApiOptions {
  readonly catalog: Catalog;
  readonly clock: Clock;
}

/** A write that its transaction decides on. */
interface Proposal {
  readonly body: unknown;
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** Reads and writes of single objects, as Kubernetes' API server answers them. Failures are thrown as `ApiFailure`. */
export class ObjectApi {
  readonly #catalog: Catalog;
  readonly #clock: Clock;

  constructor(options: ObjectApiOptions) {
    this.#catalog = options.catalog;
    this.#clock = options.clock;
  }

  get(target: ResourceTarget): KubernetesObject {
    return present(this.#existing(target), target);
  }

  /** Objects of a collection in order of namespace and name. */
  selected(target: ResourceTarget, selectors: readonly Selector[]): CatalogEntry[] {
    return [...this.#catalog.list(typeOf(target.kind)).values()]
      .filter((entry) => inScope(entry, target) && selectors.every((selector) => selector(entry)))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  create(target: ResourceTarget, body: unknown, options: WriteOptions): Promise<WriteOutcome> {
    const named = withGeneratedName(body);
    return this.#write(target, options, (existing, name) => {
      if (existing) throw alreadyExists(target.kind, name);
      return { body: named };
    });
  }

  replace(target: ResourceTarget, body: unknown, options: WriteOptions): Promise<WriteOutcome> {
    return this.#write(target, options, (existing) => {
      if (!existing) throw notFound(target);
      return { body };
    });
  }

  /** Applies a patch to the newest state. */
  patch(
    target: ResourceTarget,
    { type, patch }: { readonly type: PatchType; readonly patch: unknown },
    options: WriteOptions,
  ): Promise<WriteOutcome> {
    return this.#write(target, options, (existing) => {
      if (!existing) throw notFound(target);
      return { body: applyPatch(type, present(existing, target), { patch, kind: target.kind }) };
    });
  }

  /** Server-side apply: creates the object when it isn't there. */
  apply(
    target: ResourceTarget,
    body: unknown,
    options: WriteOptions & { readonly force: boolean },
  ): Promise<WriteOutcome> {
    const { applied, resourceVersion } = normalized(target, body);
    return this.#write(target, options, (existing) => {
      if (!existing && resourceVersion !== undefined) throw notFound(target);
      if (!existing && target.subresource) throw notFound(target);
      const { object, managedFields } = serverSideApply({
        live: existing && present(existing, target),
        applied,
        writer: {
          manager: options.manager,
          apiVersion: apiVersionOf(target),
          time: rfc3339(this.#clock.now()),
          part: target.subresource ?? 'main',
        },
        force: options.force,
      });
      const metadata = { ...(object.metadata as Json), ...(resourceVersion ? { resourceVersion } : {}) };
      return { body: { ...object, metadata }, managedFields };
    });
  }

  /**
   * Deletes one object, a namespace with everything in it. An object with finalizers is marked instead and answered as it
   * is then; otherwise its last state is, with the revision without it.
   */
  async delete(
    target: ResourceTarget,
    { dryRun, preconditions }: { readonly dryRun: boolean; readonly preconditions: Preconditions },
  ): Promise<{ revision: number; value: CatalogEntry; marked: boolean }> {
    const { revision, value } = await this.#catalog.transact(() => {
      const existing = this.#existing(target);
      const { uid, resourceVersion, name } = existing.object.metadata;
      for (const [field, wanted, found] of [
        ['UID', preconditions.uid, uid],
        ['ResourceVersion', preconditions.resourceVersion, resourceVersion],
      ] as const) {
        if (wanted === undefined || wanted === found) continue;
        throw conflict(
          target.kind,
          name,
          `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${found}`,
        );
      }
      const doomed = [...this.#contentsOf(existing), existing];
      const changes = doomed.map((entry) => planRemoval(entry, this.#clock.now()));
      return {
        changes: dryRun ? [] : changes.filter((change) => change !== 'unchanged'),
        value: existing,
      };
    });
    const left = this.#catalog.get(value.type, value.key);
    const marked = left?.json.metadata.deletionTimestamp !== undefined;
    return { revision, value: marked && left ? left : value, marked };
  }

  /** Deletes every object of a selection in one transaction; answers them as they were. */
  async deleteCollection(
    target: ResourceTarget,
    selectors: readonly Selector[],
    dryRun: boolean,
  ): Promise<readonly CatalogEntry[]> {
    const { value } = await this.#catalog.transact(() => {
      const entries = this.selected(target, selectors);
      const doomed = entries.flatMap((entry) => [...this.#contentsOf(entry), entry]);
      const changes = doomed.map((entry) => planRemoval(entry, this.#clock.now()));
      return {
        changes: dryRun ? [] : changes.filter((change) => change !== 'unchanged'),
        value: entries,
      };
    });
    return value;
  }

  /** What goes with a namespace. */
  #contentsOf(entry: CatalogEntry): CatalogEntry[] {
    if (entry.type !== '/Namespace') return [];
    const { name } = entry.object.metadata;
    if (name === 'default') {
      throw new ApiFailure(
        'Forbidden',
        'namespaces "default" is forbidden: this namespace may not be deleted',
        {
          name,
          kind: 'namespaces',
        },
      );
    }
    return [...this.#catalog.all()].filter((each) => each.object.metadata.namespace === name);
  }

  #existing(target: ResourceTarget): CatalogEntry {
    const found = this.#catalog.get(typeOf(target.kind), keyOf(target.namespace ?? '', target.name ?? ''));
    if (found) return found;
    throw notFound(target);
  }

  async #write(
    target: ResourceTarget,
    options: WriteOptions,
    propose: (existing: CatalogEntry | undefined, name: string) => Proposal,
  ): Promise<WriteOutcome> {
    const { kind } = target;
    const type = typeOf(kind);
    const { revision, value } = await this.#catalog.transact(() => {
      const known = target.name === undefined ? undefined : keyOf(target.namespace ?? '', target.name);
      const before = known === undefined ? undefined : this.#catalog.get(type, known);
      const proposal = propose(before, target.name ?? '');
      const admitted = admitBody(target, proposal.body, options.fieldValidation);
      const { name, namespace } = admitted.object.metadata;
      const key = keyOf(namespace, name);
      const existing = this.#catalog.get(type, key);
      if (known === undefined) propose(existing, name);
      if (existing) requireSameObject(kind, existing, proposal.body);
      const planned = this.#plan(target, { existing, admitted, proposal, options });
      const changes: StoredChange[] =
        planned.change === 'unchanged' || options.dryRun ? [] : [planned.change];
      return { changes, value: { ...planned, existing, type, key } };
    });
    const { change, existing, warnings, key } = value;
    const object = change === 'unchanged' ? existing!.json : (JSON.parse(change.body) as KubernetesObject);
    const stored = change === 'unchanged' || options.dryRun ? existing?.revision : revision;
    const resourceVersion = stored === undefined ? {} : { resourceVersion: String(stored) };
    const metadata = { ...object.metadata, ...resourceVersion };
    const latest = this.#catalog.get(type, key);
    const answered = latest?.revision === stored && latest ? latest.json : { ...object, metadata };
    return {
      object: { ...answered, apiVersion: apiVersionOf(target) },
      created: existing === undefined,
      warnings,
    };
  }

  #plan(
    target: ResourceTarget,
    {
      existing,
      admitted,
      proposal,
      options,
    }: {
      existing: CatalogEntry | undefined;
      admitted: AdmittedObject;
      proposal: Proposal;
      options: WriteOptions;
    },
  ): { change: StoredChange | 'unchanged'; warnings: readonly string[] } {
    const { kind } = target;
    const { object, json, extras } = admitted;
    const nowMs = this.#clock.now();
    const { manager } = options;
    if (target.subresource === 'status') {
      if (!existing) throw notFound(target);
      const { managedFields } = proposal;
      const writer = { manager, nowMs, ...(managedFields ? { managedFields } : {}) };
      return {
        change: planStatus(existing, isJson(proposal.body) ? proposal.body.status : undefined, writer),
        warnings: [],
      };
    }
    const { errors, warningsOf } = analyzeWrite(this.#catalog, [admitted]);
    if (errors.length > 0) {
      const { name } = object.metadata;
      throw invalidObject(errors, { group: kind.group, kind: kind.kind, name });
    }
    const change = planWrite({
      type: typeOf(kind),
      existing,
      json,
      object,
      manager,
      nowMs,
      newUid: randomUUID,
      ...(extras ? { extras } : {}),
      ...(proposal.managedFields ? { managedFields: proposal.managedFields } : {}),
    });
    return { change, warnings: [...admitted.warnings, ...warningsOf(object)].map(warningText) };
  }
}

/** A warning as a `Warning` header shows it. */
export function warningText(violation: Violation): string {
  return formatViolation(violation).replace(/^(.*?)warning: /, '$1');
}

function notFound({ kind, name }: ResourceTarget): ApiFailure {
  const message = `${resourceName(kind)} "${name}" not found`;
  return new ApiFailure('NotFound', message, { name, group: kind.group, kind: kind.plural });
}

function alreadyExists(kind: KindDefinition, name: string): ApiFailure {
  const message = `${resourceName(kind)} "${name}" already exists`;
  return new ApiFailure('AlreadyExists', message, { name, group: kind.group, kind: kind.plural });
}

function conflict(kind: KindDefinition, name: string, why: string): ApiFailure {
  const message = `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}`;
  return new ApiFailure('Conflict', message, { name, group: kind.group, kind: kind.plural });
}

/** A body that states a uid or resourceVersion means that object in that state and no other. */
function requireSameObject(kind: KindDefinition, { object }: CatalogEntry, body: unknown): void {
  const stated = isJson(body) && isJson(body.metadata) ? body.metadata : {};
  const { name, uid, resourceVersion } = object.metadata;
  if (typeof stated.uid === 'string' && stated.uid !== '' && stated.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${stated.uid}, UID in object meta: ${uid}`;
    throw conflict(kind, name, why);
  }
  if (typeof stated.resourceVersion !== 'string' || stated.resourceVersion === '') return;
  if (stated.resourceVersion === resourceVersion) return;
  throw conflict(
    kind,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

/** Letters and digits of generated names. Source: Kubernetes `rand.SafeEncodeString`. */
const safeLetters = 'bcdfghjklmnpqrstvwxz2456789';

function withGeneratedName(body: unknown): unknown {
  if (!isJson(body) || !isJson(body.metadata)) return body;
  const { name, generateName } = body.metadata;
  if ((name !== undefined && name !== '') || typeof generateName !== 'string' || generateName === '')
    return body;
  const suffix = Array.from({ length: 5 }, () => safeLetters[randomInt(safeLetters.length)]).join('');
  return { ...body, metadata: { ...body.metadata, name: `${generateName.slice(0, 58)}${suffix}` } };
}
