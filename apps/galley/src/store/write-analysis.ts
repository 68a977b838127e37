import { analyze, type ConfigObject, type Finding } from '@lateen/config-schema';
import type { AdmittedObject } from './admission.ts';
import type { Catalog } from './catalog.ts';
import { keyOf, typeOf } from './catalog-entry.ts';

/** What an analysis says of a write. */
export interface WriteAnalysis {
  /** Errors refuse the whole write. */
  readonly errors: readonly Finding[];
  warningsOf(object: ConfigObject): readonly Finding[];
}

/**
 * What is wrong between the objects of a write and everything else as it would be stored. Only the written objects'
 * findings count: others were there before, and their authors aren't here.
 */
export function analyzeWrite(catalog: Catalog, written: readonly AdmittedObject[]): WriteAnalysis {
  const ids = new Set(
    written.map(
      ({ kind, object: { metadata } }) => `${typeOf(kind)} ${keyOf(metadata.namespace, metadata.name)}`,
    ),
  );
  const locators = new Map(written.map((admitted) => [admitted.object, admitted.locate]));
  const objects = written.map((admitted) => admitted.object);
  for (const { type, key, object } of catalog.all()) if (!ids.has(`${type} ${key}`)) objects.push(object);
  const warnings = new Map(
    written.map(({ object }) => [subject(object.kind, object.metadata), [] as Finding[]]),
  );
  const errors: Finding[] = [];
  for (const finding of analyze(objects, { locate: (object, path) => locators.get(object)?.(path) })) {
    const own = warnings.get(subject(finding.kind, finding));
    if (own) (finding.severity === 'error' ? errors : own).push(finding);
  }
  return { errors, warningsOf: ({ kind, metadata }) => warnings.get(subject(kind, metadata)) ?? [] };
}

function subject(
  kind: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string {
  return `${kind} ${keyOf(namespace, name)}`;
}
