import { enumOf } from '@lateen/protos';
import { expect, test } from 'vitest';
import { merged } from './merge.ts';
import type { EnvoyPatch } from './patch.ts';
import { patchedList } from './patched-list.ts';

const operations = enumOf('istio.networking.v1alpha3.EnvoyFilter.Patch.Operation');
const items = ['a', 'b', 'c'].map((name) => ({ name }));

function patch(operation: keyof typeof operations, name: string | undefined, value: object): EnvoyPatch {
  const listener = name === undefined ? {} : { listenerFilter: name };
  return { object: 'x', target: 1, operation: operations[operation], match: { listener }, value };
}

test.each([
  ['ADD', undefined, 'a b c new'],
  ['INSERT_FIRST', 'b', 'new a b c'],
  ['INSERT_BEFORE', 'b', 'a new b c'],
  ['INSERT_BEFORE', undefined, 'new a b c'],
  ['INSERT_BEFORE', 'nobody', 'a b c'],
  ['INSERT_AFTER', 'b', 'a b new c'],
  ['INSERT_AFTER', undefined, 'a b c new'],
  ['REPLACE', 'b', 'a new c'],
  ['REPLACE', 'nobody', 'a b c'],
  ['REMOVE', 'b', 'a c'],
  ['MERGE', 'b', 'a new c'],
] as const)('%s at %s', (operation, name, expected) => {
  const found = patchedList(items, [patch(operation, name, { name: 'new' })], {
    matches: ({ match }, item) => {
      const wanted = match.listener?.listenerFilter;
      return wanted === undefined || wanted === item.name;
    },
    names: ({ match }) => match.listener?.listenerFilter !== undefined,
  });
  expect(found.map((item) => item.name).join(' ')).toBe(expected);
});

test('messages merge field by field, lists add up, a duration is one value', () => {
  const target = { name: 'a', route: { timeout: { seconds: 9, nanos: 5 }, cluster: 'x' }, list: [1] };
  expect(merged(target, { route: { timeout: { seconds: 1 } }, list: [2] })).toEqual({
    name: 'a',
    route: { timeout: { seconds: 1 }, cluster: 'x' },
    list: [1, 2],
  });
});
