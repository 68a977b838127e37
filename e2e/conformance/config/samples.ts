import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeDocument, formatViolation, parseDocuments } from '@lateen/config-schema';
import { corpora, corpusJson, corpusText, tally, type Tally } from './corpus.ts';

/** Reasons why a text doesn't load, or `undefined`. */
function failureOf(text: string, file: string): string | undefined {
  const { documents, violations } = parseDocuments(text, file);
  const errors = [
    ...violations,
    ...documents.flatMap((document) => decodeDocument(document).violations),
  ].filter(({ severity }) => severity === 'error');
  return errors.length > 0 ? errors.map(formatViolation).join('; ') : undefined;
}

/** Every file of Istio's samples loads without an error. */
export function sampleTally(): Tally {
  const { cases } = corpusJson('bookinfo/index.json') as {
    cases: readonly { id: string; kinds: { [kind: string]: number } }[];
  };
  // A docker-compose file is YAML and no configuration of a mesh.
  const files = cases.filter(({ kinds }) => !Object.keys(kinds).some((kind) => kind.startsWith('other:')));
  return tally(files.map(({ id }) => [id, failureOf(corpusText(`bookinfo/${id}`), id)] as const));
}

/** Every document of the Mixer era loads without an error. */
export function mixerConfigTally(): Tally {
  const folder = join(corpora, 'mixer-config');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml') && !/-(mcp|test)\.yaml$/.test(file))
    .sort();
  return tally(files.map((file) => [file, failureOf(corpusText(`mixer-config/${file}`), file)] as const));
}
