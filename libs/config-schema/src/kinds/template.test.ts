import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a descriptor', { descriptor: 'AA==' }, []],
  ['none', {}, ['spec.descriptor']],
];

test.each(cases)('template: %s', (_name, spec, found, metadata) => {
  expect(verdict('template', spec, metadata)).toEqual(found);
});
