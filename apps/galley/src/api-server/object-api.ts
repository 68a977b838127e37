import { randomUUID } from 'node:crypto';
import { formatViolation, type KindDefinition, type Violation } from '@lateen/config-schema';
import type { Clock } from '@lateen/runtime';
import { type AdmittedObject, admitJson } from '../store/admission.ts';
import type { Catalog } from '../store/catalog.ts';
import { type CatalogEntry, type KubernetesObject, keyOf, typeOf } from '../store/catalog-entry.ts';
import type { StoredChange } from '../store/config-store.ts';
import { planDelete, planWrite } from '../store/object-write.ts';
import { analyzeWrite } from '../store/write-analysis.ts';
import { ApiFailure, invalidObject } from './api-status.ts';
import { mergePatch } from './merge-patch.ts';
import type { ResourcePath } from './resource-path.ts';
import type { Selector } from './selector.ts';

/** A resource path whose kind is known. */
export interface ResourceTarget extends ResourcePath {
  readonly kind: KindDefinition;
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

/** Most attempts of a patch whose object changes meanwhile. */
const patchAttempts = 10;

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

  /** A list object; its resourceVersion is where a watch goes on. */
  list(target: ResourceTarget, selectors: readonly Selector[]): KubernetesObject {
    const items = this.selected(target, selectors).map((entry) => present(entry, target));
    return {
      apiVersion: apiVersionOf(target),
      kind: `${target.kind.kind}List`,
      metadata: { resourceVersion: String(this.#catalog.revision) },
      items,
    };
  }

  /** Objects of a collection in order of namespace and name. */
  selected(target: ResourceTarget, selectors: readonly Selector[]): CatalogEntry[] {
    return [...this.#catalog.list(typeOf(target.kind)).values()]
      .filter((entry) => inScope(entry, target) && selectors.every((selector) => selector(entry)))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async create(target: ResourceTarget, body: unknown, dryRun: boolean): Promise<WriteOutcome> {
    const admitted = this.#admit(target, body);
    const { name, namespace } = admitted.object.metadata;
    return this.#write({ ...target, name, namespace }, { admitted, dryRun, mode: 'create' });
  }

  async replace(target: ResourceTarget, body: unknown, dryRun: boolean): Promise<WriteOutcome> {
    const admitted = this.#admit(target, body);
    return this.#write(target, { admitted, dryRun, mode: 'replace' });
  }

  /** Applies a JSON merge patch to the newest state, anew when somebody else was first. */
  async patch(target: ResourceTarget, patch: unknown, dryRun: boolean): Promise<WriteOutcome> {
    const stated = (patch as { metadata?: { resourceVersion?: unknown } } | null)?.metadata?.resourceVersion;
    for (let attempt = 0; attempt < patchAttempts; attempt += 1) {
      const existing = this.#existing(target);
      const admitted = this.#admit(target, mergePatch(present(existing, target), patch));
      try {
        return await this.#write(target, { admitted, dryRun, mode: 'replace' });
      } catch (error) {
        const raced = error instanceof ApiFailure && error.body.reason === 'Conflict' && stated === undefined;
        if (!raced) throw error;
      }
    }
    throw new ApiFailure(
      'Conflict',
      `${target.kind.singular} "${target.name}" changes all the time, try again`,
    );
  }

  /** Deletes one object; answers its last state and the revision without it. */
  delete(target: ResourceTarget, dryRun: boolean): Promise<{ revision: number; value: CatalogEntry }> {
    return this.#catalog.transact(() => {
      const existing = this.#existing(target);
      return { changes: dryRun ? [] : [planDelete(existing)], value: existing };
    });
  }

  /** Deletes every object of a selection in one transaction; answers them as a list. */
  async deleteCollection(
    target: ResourceTarget,
    selectors: readonly Selector[],
    dryRun: boolean,
  ): Promise<KubernetesObject> {
    const { value } = await this.#catalog.transact(() => {
      const changes = this.selected(target, selectors).map(planDelete);
      return { changes: dryRun ? [] : changes, value: this.list(target, selectors) };
    });
    return value;
  }

  #existing(target: ResourceTarget): CatalogEntry {
    const found = this.#catalog.get(typeOf(target.kind), keyOf(target.namespace ?? '', target.name ?? ''));
    if (found) return found;
    const { kind, name } = target;
    const message = `${resourceName(kind)} "${name}" not found`;
    throw new ApiFailure('NotFound', message, { name, group: kind.group, kind: kind.plural });
  }

  #admit(target: ResourceTarget, body: unknown): AdmittedObject {
    const { kind } = target;
    const stated = (body ?? {}) as {
      apiVersion?: unknown;
      kind?: unknown;
      metadata?: { [field: string]: unknown };
    };
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new ApiFailure('BadRequest', 'expected an object');
    }
    const apiVersion = apiVersionOf(target);
    // kubectl and client-go may leave these out of a body whose path says them.
    const metadata: { [field: string]: unknown } = {
      ...(target.namespace ? { namespace: target.namespace } : {}),
      ...stated.metadata,
    };
    if (target.name !== undefined && metadata.name === undefined) metadata.name = target.name;
    const [statedVersion, statedKind] = [stated.apiVersion ?? apiVersion, stated.kind ?? kind.kind];
    if (statedVersion !== apiVersion || statedKind !== kind.kind) {
      const message = `expected ${apiVersion} ${kind.kind}, found ${String(statedVersion)} ${String(statedKind)}`;
      throw new ApiFailure('BadRequest', message);
    }
    const admitted = admitJson({ ...body, apiVersion, kind: kind.kind, metadata });
    const name = String(metadata.name ?? '');
    if (!('kind' in admitted))
      throw invalidObject(admitted.violations, { group: kind.group, kind: kind.kind, name });
    const { metadata: decoded } = admitted.object;
    if (target.name !== undefined && decoded.name !== target.name) {
      throw new ApiFailure('BadRequest', `the name "${decoded.name}" is not the path's "${target.name}"`);
    }
    if (kind.namespaced && target.namespace !== undefined && decoded.namespace !== target.namespace) {
      const message = `the namespace "${decoded.namespace}" is not the path's "${target.namespace}"`;
      throw new ApiFailure('BadRequest', message);
    }
    return admitted;
  }

  async #write(
    target: ResourceTarget,
    { admitted, dryRun, mode }: { admitted: AdmittedObject; dryRun: boolean; mode: 'create' | 'replace' },
  ): Promise<WriteOutcome> {
    const { kind } = target;
    const type = typeOf(kind);
    const { name, namespace, resourceVersion } = admitted.object.metadata;
    const key = keyOf(namespace, name);
    const { value } = await this.#catalog.transact(() => {
      const existing = this.#catalog.get(type, key);
      if (mode === 'create' && existing) {
        const message = `${resourceName(kind)} "${name}" already exists`;
        throw new ApiFailure('AlreadyExists', message, { name, group: kind.group, kind: kind.plural });
      }
      if (mode === 'replace') {
        const { object } = this.#existing({ ...target, name, namespace });
        if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion) {
          const message = `${resourceName(kind)} "${name}" was changed meanwhile: read it again, then repeat the change`;
          throw new ApiFailure('Conflict', message, { name, group: kind.group, kind: kind.plural });
        }
      }
      const { object, json } = admitted;
      const { errors, warningsOf } = analyzeWrite(this.#catalog, [admitted]);
      if (errors.length > 0) throw invalidObject(errors, { group: kind.group, kind: kind.kind, name });
      const nowMs = this.#clock.now();
      const change = planWrite({ type, existing, json, object, nowMs, newUid: randomUUID });
      const changes: StoredChange[] = change === 'unchanged' || dryRun ? [] : [change];
      return { changes, value: { change, warnings: [...admitted.warnings, ...warningsOf(object)] } };
    });
    const { change, warnings } = value;
    const stored = this.#catalog.get(type, key);
    const object =
      dryRun && change !== 'unchanged'
        ? (JSON.parse(change.body) as KubernetesObject)
        : present(stored ?? this.#existing(target), target);
    return { object, created: mode === 'create', warnings: warnings.map(warningText) };
  }
}

/** An object in the version that was asked for; all versions of a kind have one schema. */
export function present(entry: CatalogEntry, target: ResourceTarget): KubernetesObject {
  return { ...entry.json, apiVersion: apiVersionOf(target) };
}

/** Is the entry of the target's namespace, when it has one? */
export function inScope(entry: CatalogEntry, target: ResourceTarget): boolean {
  const { name, namespace } = entry.object.metadata;
  if (target.namespace !== undefined && namespace !== target.namespace) return false;
  return target.name === undefined || name === target.name;
}

/** A warning as a `Warning` header shows it. */
export function warningText(violation: Violation): string {
  return formatViolation(violation).replace(/^(.*?)warning: /, '$1');
}

/** `apiVersion` of a path. */
export function apiVersionOf({ group, version }: ResourcePath): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `virtualservices.networking.istio.io`, as Kubernetes names it in messages. */
function resourceName(kind: KindDefinition): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}
