import {
  type ConfigObject,
  type Decoded,
  decodeDocument,
  definitionOf,
  type KindDefinition,
  objectFromJson,
  objectToJson,
  parseDocuments,
  type Position,
  type SkipNotice,
  type Violation,
} from '@lateen/config-schema';
import type { KubernetesObject } from './catalog-entry.ts';
import { extrasOf, type ObjectExtras } from './object-extras.ts';

/** An object that may be stored. */
export interface AdmittedObject {
  readonly kind: KindDefinition;
  readonly object: ConfigObject;
  /** In the form that is stored: every field that isn't at its default. */
  readonly json: KubernetesObject;
  /** Metadata for Kubernetes' tools; absent: the stored ones stay. */
  readonly extras?: ObjectExtras;
  readonly warnings: readonly Violation[];
  /** Place of a field in the text that the object came from. */
  readonly locate: ((path: string) => Position | undefined) | undefined;
}

/** A text's documents: all may be stored, or none because of the violations, warnings among them. */
export type Admission =
  | { kind: 'admitted'; objects: readonly AdmittedObject[]; skipped: readonly SkipNotice[] }
  | { kind: 'refused'; violations: readonly Violation[] };

/** Documents that one text may have. */
export const maxDocuments = 5000;

/** Reads a YAML or JSON text whose unit of acceptance is the text: nothing passes when any document is invalid. */
export function admitText(text: string, options: { file?: string; namespace?: string } = {}): Admission {
  const parsed = parseDocuments(text, options.file);
  if (parsed.documents.length > maxDocuments) {
    const message = `${parsed.documents.length} documents in one text, at most ${maxDocuments} are taken`;
    return { kind: 'refused', violations: [{ path: '', message, severity: 'error' }] };
  }
  const violations: Violation[] = [...parsed.violations];
  const objects: AdmittedObject[] = [];
  const skipped: SkipNotice[] = [];
  for (const document of parsed.documents) {
    const decoded = decodeDocument(document, { defaultNamespace: options.namespace ?? 'default' });
    violations.push(...decoded.violations);
    if (decoded.skipped) skipped.push(decoded.skipped);
    const admitted = admittedOf(decoded);
    if (admitted) objects.push(admitted);
  }
  if (violations.some((violation) => violation.severity === 'error')) return { kind: 'refused', violations };
  return { kind: 'admitted', objects, skipped };
}

/** Reads one object of the API, whose kind is known. */
export function admitJson(json: unknown): AdmittedObject | { readonly violations: readonly Violation[] } {
  const decoded = objectFromJson(json);
  const { extras, violations } = extrasOf(json);
  const admitted = violations.length === 0 ? admittedOf(decoded) : undefined;
  return admitted ? { ...admitted, extras } : { violations: [...decoded.violations, ...violations] };
}

function admittedOf({ object, violations, locate }: Decoded): AdmittedObject | undefined {
  if (!object) return undefined;
  const warnings = violations.filter((violation) => violation.severity === 'warning');
  return {
    kind: definitionOf(object),
    object,
    json: objectToJson(object) as KubernetesObject,
    warnings,
    locate,
  };
}
