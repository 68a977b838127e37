import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a binding', { services: [{ name: 'a' }], apiSpecs: [{ name: 'b' }] }, []],
  ['nothing', {}, ['spec.apiSpecs', 'spec.services']],
];

test.each(cases)('HTTPAPISpecBinding: %s', (_name, spec, found, metadata) => {
  expect(verdict('HTTPAPISpecBinding', spec, metadata)).toEqual(found);
});
