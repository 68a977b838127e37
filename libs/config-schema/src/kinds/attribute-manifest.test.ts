import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['an attribute', { attributes: { 'source.ip': { valueType: 'IP_ADDRESS' } } }, []],
  ['one without type', { attributes: { 'source.ip': {} } }, ['spec.attributes["source.ip"]']],
];

test.each(cases)('attributemanifest: %s', (_name, spec, found, metadata) => {
  expect(verdict('attributemanifest', spec, metadata)).toEqual(found);
});
