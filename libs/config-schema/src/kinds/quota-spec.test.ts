import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a quota', { rules: [{ quotas: [{ quota: 'requestcount', charge: 1 }] }] }, []],
  ['no rules', {}, ['spec.rules']],
  [
    'a charge below 0',
    { rules: [{ quotas: [{ quota: 'q', charge: -1 }] }] },
    ['spec.rules[0].quotas[0].charge'],
  ],
];

test.each(cases)('QuotaSpec: %s', (_name, spec, found, metadata) => {
  expect(verdict('QuotaSpec', spec, metadata)).toEqual(found);
});
