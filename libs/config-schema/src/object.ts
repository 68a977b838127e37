import type { Position } from './violation.ts';

/** Metadata as the mesh keeps it. `labels` and `annotations` have no prototype. */
export interface ObjectMeta {
  readonly name: string;
  /** Empty when the kind is cluster scoped. */
  readonly namespace: string;
  readonly labels: { readonly [key: string]: string };
  readonly annotations: { readonly [key: string]: string };
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly uid?: string;
}

/** A configuration object: `spec` is the decoded protobuf message of its kind. */
export interface ConfigObject<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  /** Kept as it was given; never an input of the mesh. */
  readonly status?: unknown;
  /** Where the object stands in the text that it came from. */
  readonly position?: Position;
}

/** `Kind namespace/name`, for messages. */
export function describeObject(object: ConfigObject): string {
  const { name, namespace } = object.metadata;
  return `${object.kind} ${namespace ? `${namespace}/` : ''}${name}`;
}
