import type { KindDefinition } from '@lateen/config-schema';
import type { CatalogEntry, KubernetesObject } from '../store/catalog-entry.ts';
import type { ResourcePath } from './resource-path.ts';

/** A resource path whose kind is known. */
export interface ResourceTarget extends ResourcePath {
  readonly kind: KindDefinition;
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

/** `apiVersion` of a path. */
export function apiVersionOf({ group, version }: ResourcePath): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `virtualservices.networking.istio.io`, as Kubernetes names it in messages. */
export function resourceName(kind: KindDefinition): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}
