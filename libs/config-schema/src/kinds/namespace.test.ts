import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['labels', {}, [], { namespace: undefined, labels: { 'istio-injection': 'enabled' } }],
  ['a dotted name', {}, ['metadata.name'], { namespace: undefined, name: 'a.b' }],
];

test.each(cases)('Namespace: %s', (_name, spec, found, metadata) => {
  expect(verdict('Namespace', spec, metadata)).toEqual(found);
});
