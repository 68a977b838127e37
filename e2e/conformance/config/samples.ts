import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  analyze,
  type ConfigObject,
  decodeDocument,
  formatViolation,
  parseDocuments,
} from '@lateen/config-schema';
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

function objectsOf(path: string): ConfigObject[] {
  const { documents } = parseDocuments(corpusText(`bookinfo/${path}`), path);
  return documents.flatMap((document) => decodeDocument(document).object ?? []);
}

/** Each networking file of Bookinfo, with the services and subsets it is written for, has nothing that refuses it. */
export function sampleAnalysisTally(): Tally {
  const { cases } = corpusJson('bookinfo/index.json') as { cases: readonly { id: string }[] };
  const files = cases.map(({ id }) => id).filter((id) => /\/bookinfo\/networking\/[^/]*\.yaml$/.test(id));
  return tally(
    files.map((id) => {
      const root = id.slice(0, id.indexOf('networking/'));
      const base = [
        `${root}networking/destination-rule-all.yaml`,
        `${root}networking/bookinfo-gateway.yaml`,
        `${root}platform/kube/bookinfo.yaml`,
      ];
      const objects = [...base.filter((file) => file !== id), id].flatMap(objectsOf);
      // The same object may stand in two files: the later one is in force.
      const newest = new Map(
        objects.map((object) => [
          `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
          object,
        ]),
      );
      const wrong = analyze([...newest.values()]).filter(({ level }) => level === 'Error');
      return [
        id,
        wrong.length > 0
          ? wrong.map((each) => `${each.code} ${formatViolation(each)}`).join('; ')
          : undefined,
      ] as const;
    }),
  );
}
