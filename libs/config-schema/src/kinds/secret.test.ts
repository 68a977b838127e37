import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a key pair', { type: 'kubernetes.io/tls', data: { 'tls.crt': 'YQ==', 'tls.key': 'YQ==' } }, []],
  ['half of one', { type: 'kubernetes.io/tls', data: { 'tls.crt': 'YQ==' } }, ['data["tls.key"]']],
  ['no base64', { data: { a: '%' } }, ['data.a']],
];

test.each(cases)('Secret: %s', (_name, spec, found, metadata) => {
  expect(verdict('Secret', spec, metadata)).toEqual(found);
});
