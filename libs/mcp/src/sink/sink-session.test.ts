import { expect, test } from 'vitest';
import { SinkSession } from './sink-session.ts';

function sink(incremental = true): SinkSession<string> {
  return new SinkSession({
    node: { id: 'n' },
    collections: ['a', 'b'],
    incremental,
    decode(_collection, resource) {
      if (resource.body?.type_url === 'bad') throw new Error('cannot be read');
      return `${resource.metadata?.name}@${resource.metadata?.version}`;
    },
  });
}

const named = (name: string, version: string, type?: string) => ({
  metadata: { name, version },
  ...(type ? { body: { type_url: type } } : {}),
});

test('an increment merges, a full state replaces, and both say what changed', () => {
  const session = sink();
  const take = (message: Parameters<SinkSession<string>['receive']>[0]): string[] => {
    const step = session.receive({ collection: 'a', ...message });
    if (step.kind !== 'change') throw new Error(step.reason);
    step.accept();
    return [...step.change.changed].sort();
  };
  expect(take({ resources: [named('x', '1'), named('y', '1')] })).toEqual(['x', 'y']);
  expect(take({ incremental: true, resources: [named('x', '2')], removedResources: ['y'] })).toEqual([
    'x',
    'y',
  ]);
  expect([...session.states.get('a')!.objects.values()]).toEqual(['x@2']);
  expect(take({ resources: [named('x', '2'), named('z', '1')] })).toEqual(['z']);
  const before = session.states.get('a')!.objects;
  expect(take({ incremental: true, systemVersionInfo: '9' })).toEqual([]);
  expect(session.states.get('a')!.objects).toBe(before);
  expect(session.states.get('a')!.systemVersion).toBe('9');
});

test.each([
  ['a collection that was not asked for', { collection: 'c', nonce: '1' }, 12],
  ['a body that cannot be read', { collection: 'a', nonce: '1', resources: [named('x', '1', 'bad')] }, 2],
])('%s is refused and changes nothing', (_what, message, code) => {
  const session = sink();
  const step = session.receive(message);
  expect(step.kind === 'nack' && step.request.errorDetail?.code).toBe(code);
  expect(session.states.size).toBe(0);
});

test('a refused change leaves the state and its versions as they were', () => {
  const session = sink();
  const step = session.receive({ collection: 'a', nonce: '1', resources: [named('x', '1')] });
  const answer = step.kind === 'change' ? step.refuse('not this one') : undefined;
  expect(answer).toMatchObject({ responseNonce: '1', errorDetail: { code: 3, message: 'not this one' } });
  expect(session.initialRequests().every((request) => request.initialResourceVersions === undefined)).toBe(
    true,
  );
});

test('a new stream tells the versions that are held, names like __proto__ included', () => {
  const session = sink();
  const step = session.receive({ collection: 'a', resources: [named('__proto__', '7')] });
  if (step.kind === 'change') step.accept();
  const versions = session.initialRequests()[0]!.initialResourceVersions!;
  expect(Object.entries(versions)).toEqual([['__proto__', '7']]);
});
