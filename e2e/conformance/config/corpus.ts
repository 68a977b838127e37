import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folder of the strangers' cases: beside the repository, or where `LATEEN_CORPORA` says. */
export const corpora = process.env.LATEEN_CORPORA ?? join(import.meta.dirname, '../../../../shared/corpora');

export const corporaPresent = existsSync(join(corpora, 'validation/cases.json'));

/** How many rows of a suite answered as expected, and what the others said. */
export interface Tally {
  readonly passed: number;
  readonly total: number;
  readonly failures: readonly string[];
}

/** JSON of a corpus file. */
export function corpusJson(path: string): unknown {
  return JSON.parse(readFileSync(join(corpora, path), 'utf8'));
}

/** Text of a corpus file. */
export function corpusText(path: string): string {
  return readFileSync(join(corpora, path), 'utf8');
}

/** Tally of verdicts: `undefined` is a pass, a text the reason of a failure. */
export function tally(verdicts: Iterable<readonly [id: string, failure: string | undefined]>): Tally {
  const failures: string[] = [];
  let total = 0;
  for (const [id, failure] of verdicts) {
    total += 1;
    if (failure !== undefined) failures.push(`${id}: ${failure}`);
  }
  return { passed: total - failures.length, total, failures };
}
