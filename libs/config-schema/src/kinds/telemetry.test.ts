import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a provider', { accessLogging: [{ providers: [{ name: 'envoy' }] }] }, []],
  [
    'sampling over 100',
    { tracing: [{ randomSamplingPercentage: 101 }] },
    ['spec.tracing[0].randomSamplingPercentage'],
  ],
  [
    'open brackets',
    { accessLogging: [{ filter: { expression: '(response.code' } }] },
    ['spec.accessLogging[0].filter.expression'],
  ],
];

test.each(cases)('Telemetry: %s', (_name, spec, found, metadata) => {
  expect(verdict('Telemetry', spec, metadata)).toEqual(found);
});
