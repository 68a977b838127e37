import { objectFromJson, objectToJson, type Violation } from '@lateen/config-schema';
import { type AdmittedObject, admitJson } from '../store/admission.ts';
import { isJson, type Json } from '../store/field-set.ts';
import { ApiFailure, invalidObject } from './api-status.ts';
import { apiVersionOf, type ResourceTarget } from './resource-target.ts';

/** What becomes of fields that a kind doesn't have. Source: Kubernetes' `fieldValidation`. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/**
 * Reads a written object; kubectl and client-go may leave out what the path says. @throws ApiFailure BadRequest when it
 * isn't the path's object or, under Strict, has unknown fields; Invalid with every violation.
 */
export function admitBody(
  target: ResourceTarget,
  body: unknown,
  fieldValidation: FieldValidation | undefined,
): AdmittedObject {
  const { kind } = target;
  const whole = completed(target, body);
  let admitted = admitJson(whole);
  let unknown: readonly Violation[] = [];
  if (!('kind' in admitted) && fieldValidation !== undefined) {
    unknown = admitted.violations.filter(isUnknownField);
    if (unknown.length > 0 && fieldValidation === 'Strict') throw strictFailure(target, unknown);
    if (unknown.length > 0)
      admitted = admitJson(unknown.reduce((json: unknown, { path }) => pruned(json, path), whole));
  }
  const name = String((whole.metadata as Json).name ?? '');
  if (!('kind' in admitted))
    throw invalidObject(admitted.violations, { group: kind.group, kind: kind.kind, name });
  const { metadata } = admitted.object;
  if (target.name !== undefined && metadata.name !== target.name) {
    const message = `the name of the object (${metadata.name}) does not match the name on the URL (${target.name})`;
    throw new ApiFailure('BadRequest', message);
  }
  if (kind.namespaced && target.namespace !== undefined && metadata.namespace !== target.namespace) {
    const message = `the namespace of the provided object does not match the namespace sent on the request: "${metadata.namespace}" is not "${target.namespace}"`;
    throw new ApiFailure('BadRequest', message);
  }
  if (fieldValidation !== 'Warn') return admitted;
  const warnings = unknown.map(
    ({ path }): Violation => ({
      path: '',
      message: `unknown field "${path}"`,
      severity: 'warning',
    }),
  );
  return { ...admitted, warnings: [...warnings, ...admitted.warnings] };
}

/**
 * The configuration of a server-side apply in the spelling of stored objects, so that `1000ms` and `1s` are one value. It
 * may be partial: what is wrong with the whole shows when it is merged. @throws ApiFailure BadRequest.
 */
export function normalized(
  target: ResourceTarget,
  body: unknown,
): { readonly applied: Json; readonly resourceVersion: string | undefined } {
  const whole = completed(target, body);
  const metadata = whole.metadata as Json;
  if (Array.isArray(metadata.managedFields) && metadata.managedFields.length > 0)
    throw new ApiFailure('BadRequest', 'metadata.managedFields must be nil');
  const { object, violations } = objectFromJson(whole, { keepInvalid: true });
  // What could not be read is kept as it was written, so that the whole is refused for it.
  const readable = object && violations.every(({ severity }) => severity === 'warning');
  const spelled: Json = readable ? { ...objectToJson(object), metadata } : whole;
  const { resourceVersion, ...own } = metadata;
  const status = whole.status === undefined ? {} : { status: whole.status };
  return {
    applied: { ...spelled, ...status, metadata: own },
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : undefined,
  };
}

function completed(target: ResourceTarget, body: unknown): Json {
  const { kind } = target;
  if (!isJson(body)) throw new ApiFailure('BadRequest', 'expected an object');
  const apiVersion = apiVersionOf(target);
  const metadata: { [field: string]: unknown } = {
    ...(target.namespace ? { namespace: target.namespace } : {}),
    ...(isJson(body.metadata) ? body.metadata : {}),
  };
  if (target.name !== undefined && metadata.name === undefined) metadata.name = target.name;
  const [version, name] = [body.apiVersion ?? apiVersion, body.kind ?? kind.kind];
  if (version !== apiVersion || name !== kind.kind) {
    const message = `expected ${apiVersion} ${kind.kind}, found ${String(version)} ${String(name)}`;
    throw new ApiFailure('BadRequest', message);
  }
  return { ...body, apiVersion, kind: kind.kind, metadata };
}

function isUnknownField({ severity, message }: Violation): boolean {
  return severity === 'error' && message.startsWith('unknown field ');
}

/** Kubernetes' words for it. */
function strictFailure({ kind, version }: ResourceTarget, unknown: readonly Violation[]): ApiFailure {
  const said = unknown.map(({ path, hint }) => `unknown field "${path}"${hint ? ` (${hint})` : ''}`);
  return new ApiFailure(
    'BadRequest',
    `${kind.kind} in version "${version}" cannot be handled as a ${kind.kind}: strict decoding error: ${said.join(', ')}`,
  );
}

/** The value without the field at a violation's path. */
function pruned(json: unknown, path: string): unknown {
  const words = [...path.matchAll(/\.?([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g)].map(
    ([, name, index, quoted]) => name ?? index ?? quoted ?? '',
  );
  const visit = (value: unknown, [word, ...rest]: readonly string[]): unknown => {
    if (word === undefined) return value;
    if (Array.isArray(value))
      return (value as unknown[]).map((item, at) => (at === Number(word) ? visit(item, rest) : item));
    if (!isJson(value) || !Object.hasOwn(value, word)) return value;
    const copy: { [field: string]: unknown } = Object.assign(Object.create(null), value);
    if (rest.length === 0) delete copy[word];
    else copy[word] = visit(copy[word], rest);
    return copy;
  };
  return visit(json, words);
}
