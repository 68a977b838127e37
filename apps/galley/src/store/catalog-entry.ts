import type { ConfigObject, KindDefinition } from '@lateen/config-schema';
import type { ObjectId } from './config-store.ts';

/** An object in Kubernetes' JSON form. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** A stored object, decoded. */
export interface CatalogEntry extends ObjectId {
  readonly kind: KindDefinition;
  /** `metadata` has `resourceVersion`, `generation`, `uid` and `creationTimestamp`. */
  readonly object: ConfigObject;
  readonly json: KubernetesObject;
  readonly revision: number;
  readonly owner?: string;
}

/** What happened to one object, in Kubernetes' watch words. A deleted entry is the object's last state. */
export interface CatalogEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly entry: CatalogEntry;
  /** Only the status changed: nothing to distribute. */
  readonly statusOnly: boolean;
}

/** Identity of a kind, the same for all its versions: `group/Kind`. */
export function typeOf(kind: KindDefinition): string {
  return `${kind.group}/${kind.kind}`;
}

/** `namespace/name`; `/name` for what is cluster scoped. */
export function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
