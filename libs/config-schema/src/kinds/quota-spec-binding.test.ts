import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  [
    'a binding',
    { services: [{ name: 'productpage', namespace: 'default' }], quotaSpecs: [{ name: 'q' }] },
    [],
  ],
  ['every service', { services: [{ service: '*' }], quotaSpecs: [{ name: 'q' }] }, []],
  ['nothing', {}, ['spec.quotaSpecs', 'spec.services']],
];

test.each(cases)('QuotaSpecBinding: %s', (_name, spec, found, metadata) => {
  expect(verdict('QuotaSpecBinding', spec, metadata)).toEqual(found);
});
