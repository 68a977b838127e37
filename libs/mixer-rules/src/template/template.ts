import type { AttributeSource, RawValue, ValueType } from '@lateen/attributes';
import { EvaluationFailure } from '@lateen/attributes';

/** What a template's instances are for. Source: istio/api `mixer/adapter/model/v1beta1/extensions.proto`. */
export type Variety = 'CHECK' | 'QUOTA' | 'REPORT';

/** A field of a template: an expression of one type, or of any; or a map of such; or a group of fields. */
export type TemplateField =
  | { readonly type: ValueType | 'any'; readonly map?: boolean; readonly required?: boolean }
  | { readonly fields: Readonly<Record<string, TemplateField>> };

/** Shape that handlers of a template expect. */
export interface Template {
  readonly name: string;
  readonly variety: Variety;
  readonly fields: Readonly<Record<string, TemplateField>>;
  /** What a check of this template yields beside its decision; header operations may use it as `ACTION.output.NAME`. */
  readonly output?: Readonly<Record<string, ValueType>>;
}

/** A value with its type. */
export interface TypedValue {
  readonly type: ValueType;
  readonly value: RawValue;
}

/** Values for one request in the shape of a template. */
export interface Instance {
  readonly template: string;
  /** Full name, `requestcount.metric.istio-system`. */
  readonly name: string;
  /** By field name; fields of a group as `subject.user`. Fields without an expression are missing. */
  readonly values: ReadonlyMap<string, TypedValue>;
  /** Map fields, by field name and key. */
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, TypedValue>>;
}

/** Text of an instance's field; `undefined` when it is missing or no text. */
export function textField(instance: Instance, field: string): string | undefined {
  const value = instance.values.get(field)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** Builds a template's instance from attributes, or says what is missing. */
export interface InstanceBuilder {
  readonly template: Template;
  readonly name: string;
  build(source: AttributeSource): Instance | EvaluationFailure;
}
