import type { Violation } from '@lateen/config-schema';
import { isJson } from './field-set.ts';

/** Metadata that the mesh doesn't read and Kubernetes' tools do. */
export interface ObjectExtras {
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly object[];
  readonly generateName?: string;
  /** As the client wrote it. */
  readonly managedFields?: readonly unknown[];
}

const referenceFields = ['apiVersion', 'kind', 'name', 'uid'];

/** Reads them from an object's JSON, with what is wrong with them. */
export function extrasOf(json: unknown): { readonly extras: ObjectExtras; readonly violations: Violation[] } {
  const metadata = isJson(json) && isJson(json.metadata) ? json.metadata : {};
  const violations: Violation[] = [];
  const wrong = (path: string, message: string): void =>
    void violations.push({ path: `metadata.${path}`, message, severity: 'error' });
  const extras: { -readonly [field in keyof ObjectExtras]: ObjectExtras[field] } = {};
  const { finalizers, ownerReferences, generateName, managedFields } = metadata;
  if (Array.isArray(finalizers)) {
    for (const [index, each] of finalizers.entries())
      if (typeof each !== 'string' || each === '') wrong(`finalizers[${index}]`, 'expected a name');
    extras.finalizers = [...new Set(finalizers as string[])];
  } else if (finalizers !== undefined && finalizers !== null) wrong('finalizers', 'expected a list of names');
  if (Array.isArray(ownerReferences)) {
    for (const [index, each] of ownerReferences.entries()) {
      for (const field of referenceFields)
        if (!isJson(each) || typeof each[field] !== 'string' || each[field] === '')
          wrong(`ownerReferences[${index}].${field}`, `${field} is required`);
    }
    extras.ownerReferences = ownerReferences as object[];
  } else if (ownerReferences !== undefined && ownerReferences !== null)
    wrong('ownerReferences', 'expected a list');
  if (typeof generateName === 'string' && generateName !== '') extras.generateName = generateName;
  if (Array.isArray(managedFields)) extras.managedFields = managedFields;
  return { extras, violations };
}
