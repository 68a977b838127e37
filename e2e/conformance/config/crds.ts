import { decodeDocument, formatViolation, parseDocuments } from '@lateen/config-schema';
import { corpusJson, tally, type Tally } from './corpus.ts';

interface Row {
  readonly id: string;
  readonly yaml: string;
  readonly valid: boolean;
  /** Verdict of Istio's webhook, where it was asked. */
  readonly webhookValid?: boolean | null;
}

/** Verdict of every document that Istio's CRD schemas are tested with. */
export function crdTally(): Tally {
  const { cases: rows } = corpusJson('validation/crds.json') as { cases: readonly Row[] };
  return tally(
    rows.map((row) => {
      const text = row.yaml.replace(/^_err:.*(\n( +|$).*)*\n?/m, '');
      const { documents, violations } = parseDocuments(text, row.id);
      const said = [
        ...violations,
        ...documents.flatMap((document) => decodeDocument(document).violations),
      ].filter(({ path, severity }) => severity === 'error' || (path === 'kind' && severity !== 'warning'));
      const valid = said.length === 0;
      if (valid === row.valid) return [row.id, undefined] as const;
      return [
        row.id,
        `expected ${row.valid ? 'valid' : 'an error'}, found ${said.map(formatViolation).join('; ') || 'valid'}`,
      ] as const;
    }),
  );
}
