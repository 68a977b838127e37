import { expect, test } from 'vitest';
import { xdsTypes } from '../resource-type.ts';
import type { Rejection } from './handler.ts';
import { ClientTypeState, type DiscoveryResponse } from './type-state.ts';

/** Bodies are texts `name=content`; `!` in front cannot be decoded. */
const bodyOf = (text: string) => ({ type_url: 't', value: Buffer.from(text) });
const nameOf = (text: string): string => text.split('=')[0] ?? '';

function stateOf(typeUrl: string, mode: 'sotw' | 'delta') {
  const state = new ClientTypeState(typeUrl, {
    mode,
    decode: (body) => {
      const text = Buffer.from(body.value ?? []).toString();
      if (text.startsWith('!')) throw new Error('broken bytes');
      return { name: nameOf(text), message: { text } };
    },
  });
  const receive = (response: DiscoveryResponse, rejections: readonly Rejection[] = []) => {
    const received = state.receive(response);
    const seen = received.updated.map(({ message }) => (message as { text: string }).text);
    const answer = state.conclude(received, rejections);
    return { seen: [...seen, ...received.removed.map((name) => `-${name}`)], answer };
  };
  return {
    state,
    sotw: (nonce: string, texts: string[], rejections?: Rejection[]) =>
      receive({ mode: 'sotw', versionInfo: `v${nonce}`, nonce, resources: texts.map(bodyOf) }, rejections),
    delta: (nonce: string, texts: string[], removedResources: string[] = [], rejections?: Rejection[]) =>
      receive(
        {
          mode: 'delta',
          systemVersionInfo: `v${nonce}`,
          nonce,
          resources: texts.map((text) => ({ name: nameOf(text), version: text, resource: bodyOf(text) })),
          removedResources,
        },
        rejections,
      ),
  };
}

test('state of the world: a full set is taken as what changed in it', () => {
  const { state, sotw } = stateOf(xdsTypes.cluster, 'sotw');
  state.want('*');
  expect(state.opening()).toMatchObject({ versionInfo: '', resourceNames: [] });
  expect(sotw('1', ['a=1', 'b=1']).seen).toEqual(['a=1', 'b=1']);
  const second = sotw('2', ['a=1', 'b=2']);
  expect(second.seen).toEqual(['b=2']);
  expect(second.answer).toMatchObject({ versionInfo: 'v2', responseNonce: '2', resourceNames: [] });
  expect(second.answer).not.toHaveProperty('errorDetail');
  expect(sotw('3', ['b=2']).seen).toEqual(['-a']);
});

test('state of the world: other types are not removed by being absent', () => {
  const { state, sotw } = stateOf(xdsTypes.endpoint, 'sotw');
  state.want(['a', 'b']);
  sotw('1', ['a=1', 'b=1']);
  expect(sotw('2', ['b=2', 'stranger=1']).seen).toEqual(['b=2']);
  expect([...state.status().resources.keys()]).toEqual(['a', 'b']);
});

test('a rejected resource is a NACK with the last good version, the rest is in force, and it is tried again', () => {
  const { state, sotw } = stateOf(xdsTypes.cluster, 'sotw');
  state.want('*');
  sotw('1', ['a=1', 'b=1']);
  const { answer } = sotw('2', ['a=2', 'b=bad'], [{ name: 'b', reason: 'no such policy' }]);
  expect(answer).toMatchObject({
    versionInfo: 'v1',
    responseNonce: '2',
    errorDetail: { message: 'b: no such policy' },
  });
  expect([...state.status().resources]).toEqual([
    ['a', 'v2'],
    ['b', 'v1'],
  ]);
  expect(sotw('3', ['a=2', 'b=bad']).seen).toEqual(['b=bad']);
  expect(sotw('4', ['a=2', 'b=1']).answer).toMatchObject({ versionInfo: 'v4' });
});

test('a resource that cannot be decoded is a NACK and removes nothing', () => {
  const { state, sotw } = stateOf(xdsTypes.cluster, 'sotw');
  state.want('*');
  sotw('1', ['a=1', 'b=1']);
  const { seen, answer } = sotw('2', ['a=2', '!']);
  expect(seen).toEqual(['a=2']);
  expect(answer.errorDetail?.message).toBe('resource 1: broken bytes');
});

test('delta: changes and removals as they come, answers carry the nonce alone', () => {
  const { state, delta } = stateOf(xdsTypes.cluster, 'delta');
  state.want('*');
  expect(state.opening()).toMatchObject({ resourceNamesSubscribe: [] });
  delta('1', ['a=1', 'b=1']);
  const { seen, answer } = delta('2', ['b=2'], ['a', 'unknown']);
  expect(seen).toEqual(['b=2', '-a']);
  expect(answer).toEqual({ mode: 'delta', typeUrl: xdsTypes.cluster, responseNonce: '2' });
});

test.each([
  {
    mode: 'sotw' as const,
    reopened: { versionInfo: 'v1', resourceNames: ['a', 'b'] },
  },
  {
    mode: 'delta' as const,
    reopened: { resourceNamesSubscribe: ['a', 'b'], initialResourceVersions: { a: 'a=1' } },
  },
])('a new stream resumes from what is in force, $mode', ({ mode, reopened }) => {
  const { state, sotw, delta } = stateOf(xdsTypes.endpoint, mode);
  state.want(['a', 'b']);
  state.opening();
  const receive = mode === 'sotw' ? sotw : (nonce: string, texts: string[]) => delta(nonce, texts);
  receive('1', ['a=1']);
  state.closed();
  const opening = state.opening();
  expect(opening).toMatchObject(reopened);
  expect(opening).not.toHaveProperty('responseNonce');
});

test.each([
  { mode: 'sotw' as const, told: { resourceNames: ['b', 'c'], responseNonce: '1', versionInfo: 'v1' } },
  { mode: 'delta' as const, told: { resourceNamesSubscribe: ['c'], resourceNamesUnsubscribe: ['a'] } },
])('changed names are told once, what is dropped is forgotten, $mode', ({ mode, told }) => {
  const { state, sotw, delta } = stateOf(xdsTypes.route, mode);
  state.want(['a', 'b']);
  state.opening();
  if (mode === 'sotw') sotw('1', ['a=1', 'b=1']);
  else delta('1', ['a=1', 'b=1']);
  expect(state.renamed()).toBeUndefined();
  state.want(['b', 'c']);
  expect(state.renamed()).toMatchObject(told);
  expect(state.renamed()).toBeUndefined();
  expect([...state.status().resources.keys()]).toEqual(['b']);
});
