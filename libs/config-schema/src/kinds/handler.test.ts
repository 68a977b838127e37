import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a compiled adapter', { compiledAdapter: 'denier', params: { status: { code: 7 } } }, []],
  ['no adapter', { params: {} }, ['spec']],
  ['both', { compiledAdapter: 'denier', adapter: 'denier' }, ['~spec.adapter']],
  ['a connection to nowhere', { adapter: 'x', connection: {} }, ['spec.connection.address']],
];

test.each(cases)('handler: %s', (_name, spec, found, metadata) => {
  expect(verdict('handler', spec, metadata)).toEqual(found);
});
