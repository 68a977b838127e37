import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a pattern', { patterns: [{ httpMethod: 'GET', uriTemplate: '/a' }], apiKeys: [{ query: 'key' }] }, []],
  ['no pattern', {}, ['spec.patterns']],
];

test.each(cases)('HTTPAPISpec: %s', (_name, spec, found, metadata) => {
  expect(verdict('HTTPAPISpec', spec, metadata)).toEqual(found);
});
