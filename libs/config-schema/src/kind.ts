import type { MessageName, Messages } from '@lateen/protos';
import type { ObjectMeta } from './object.ts';
import type { Report } from './report.ts';

/** What a kind's validation sees beside the spec. */
export interface ValidationContext {
  readonly metadata: ObjectMeta;
  readonly report: Report;
}

/** A kind of configuration object. */
export interface KindDefinition {
  /** API group; empty for Kubernetes' core. */
  readonly group: string;
  /** Served versions, the preferred one first. All have one schema. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** MCP collection, as `istio/networking/v1alpha3/virtualservices`. */
  readonly collection: string;
  /** Full name of the protobuf message that `spec` is. */
  readonly message: MessageName;
  /** Is the message under `spec`, or are its fields at the object's top level (ConfigMap, Secret)? */
  readonly body: 'spec' | 'root';
  /** Form of `metadata.name`: a DNS subdomain (most), an RFC 1123 label (Namespace) or an RFC 1035 label (Service). */
  readonly nameForm: 'subdomain' | 'label' | 'service';
  /** What is used instead of a kind that only old releases had an effect for. */
  readonly superseded: string | undefined;
  /** Why a kind that Istio serves has no effect here. */
  readonly unsupported: string | undefined;
  /** Semantic validation of a decoded spec; paths that it reports start with `spec`. */
  validate(spec: object, context: ValidationContext): void;
}

/** What a kind's file says of it; the rest follows Kubernetes' habits. */
export interface KindSource<N extends MessageName> {
  readonly group: string;
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  readonly namespaced?: boolean;
  readonly collection: string;
  readonly message: N;
  readonly body?: 'spec' | 'root';
  readonly nameForm?: KindDefinition['nameForm'];
  readonly superseded?: string;
  readonly unsupported?: string;
  validate(spec: Messages[N], context: ValidationContext): void;
}

/** Kind definition with its defaults: plural with an `s`, namespaced, `spec`, subdomain names. */
export function defineKind<N extends MessageName>(source: KindSource<N>): KindDefinition {
  const singular = source.kind.toLowerCase();
  return {
    group: source.group,
    versions: source.versions,
    kind: source.kind,
    plural: source.plural ?? `${singular}s`,
    singular,
    shortNames: source.shortNames ?? [],
    namespaced: source.namespaced ?? true,
    collection: source.collection,
    message: source.message,
    body: source.body ?? 'spec',
    nameForm: source.nameForm ?? 'subdomain',
    superseded: source.superseded,
    unsupported: source.unsupported,
    validate: (spec, context) => source.validate(spec as Messages[N], context),
  };
}
