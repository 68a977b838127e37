import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a compiled template', { compiledTemplate: 'metric', params: { value: '1' } }, []],
  ['no template', {}, ['spec']],
];

test.each(cases)('instance: %s', (_name, spec, found, metadata) => {
  expect(verdict('instance', spec, metadata)).toEqual(found);
});
