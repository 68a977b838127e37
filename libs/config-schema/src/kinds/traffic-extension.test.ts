import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['Lua', { lua: { inlineCode: 'x' } }, []],
  ['nothing', {}, ['spec']],
  ['both', { lua: { inlineCode: 'x' }, wasm: { url: 'oci://a/b' } }, ['spec.wasm']],
];

test.each(cases)('TrafficExtension: %s', (_name, spec, found, metadata) => {
  expect(verdict('TrafficExtension', spec, metadata)).toEqual(found);
});
