import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  [
    'a cluster patch',
    {
      configPatches: [
        {
          applyTo: 'CLUSTER',
          match: { cluster: {} },
          patch: { operation: 'MERGE', value: { lb_policy: 'RING_HASH' } },
        },
      ],
    },
    [],
  ],
  ['no applyTo', { configPatches: [{}] }, ['spec.configPatches[0]']],
  [
    'no value',
    { configPatches: [{ applyTo: 'CLUSTER', patch: { operation: 'MERGE' } }] },
    ['spec.configPatches[0].patch'],
  ],
  [
    'a match of another kind',
    { configPatches: [{ applyTo: 'CLUSTER', match: { listener: {} }, patch: { operation: 'REMOVE' } }] },
    ['spec.configPatches[0].match.listener'],
  ],
  [
    'a value of another type',
    { configPatches: [{ applyTo: 'CLUSTER', patch: { operation: 'ADD', value: { name: false } } }] },
    ['spec.configPatches[0].patch.value.name'],
  ],
];

test.each(cases)('EnvoyFilter: %s', (_name, spec, found, metadata) => {
  expect(verdict('EnvoyFilter', spec, metadata)).toEqual(found);
});
