import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  [
    'an action',
    {
      match: 'destination.labels["app"] == "ratings"',
      actions: [{ handler: 'denyall', instances: ['deny'] }],
    },
    [],
  ],
  ['no actions', { match: 'true' }, ['spec.actions']],
  ['a broken match', { match: 'a ==', actions: [{ handler: 'h', instances: ['i'] }] }, ['spec.match']],
  ['no handler', { actions: [{ instances: ['i'] }] }, ['spec.actions[0]']],
  ['a misspelt field', { actons: [{ handler: 'h' }] }, ['spec.actons']],
];

test.each(cases)('rule: %s', (_name, spec, found, metadata) => {
  expect(verdict('rule', spec, metadata)).toEqual(found);
});
