import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a module', { url: 'oci://a/b' }, []],
  ['no url', {}, ['spec.url']],
  ['another scheme', { url: 'ftp://a/b' }, ['spec.url']],
];

test.each(cases)('WasmPlugin: %s', (_name, spec, found, metadata) => {
  expect(verdict('WasmPlugin', spec, metadata)).toEqual(found);
});
