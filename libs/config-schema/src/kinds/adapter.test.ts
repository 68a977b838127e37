import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['an adapter', { templates: ['metric'], session_based: true, config: 'AA==' }, []],
  ['a misspelt field', { tempaltes: ['metric'] }, ['spec.tempaltes']],
];

test.each(cases)('adapter: %s', (_name, spec, found, metadata) => {
  expect(verdict('adapter', spec, metadata)).toEqual(found);
});
