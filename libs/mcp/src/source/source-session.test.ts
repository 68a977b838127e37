import type { istio_mcp_v1alpha1_Resource as Resource } from '@lateen/protos';
import { expect, test } from 'vitest';
import type { McpSnapshot } from './snapshot.ts';
import { SourceSession } from './source-session.ts';

const collections = new Set(['a', 'b']);

/** Snapshot where every collection stands at one version; `contents` maps `collection/name` to a resource version. */
function snapshot(version: string, contents: Record<string, string>): McpSnapshot {
  const resources = new Map([...collections].map((name) => [name, new Map<string, Resource>()]));
  for (const [path, resourceVersion] of Object.entries(contents)) {
    const [collection, name] = path.split('/');
    resources.get(collection!)!.set(name!, { metadata: { name: name!, version: resourceVersion } });
  }
  return new Map([...resources].map(([name, map]) => [name, { version, resources: map }]));
}

function pushes(session: SourceSession): string[] {
  const found: string[] = [];
  for (let message = session.next(); message; message = session.next()) {
    const updated = (message.resources ?? []).map((resource) => resource.metadata?.name);
    const removed = (message.removedResources ?? []).map((name) => `-${name}`);
    found.push(
      `${message.collection}@${message.systemVersionInfo} #${message.nonce} ${[...updated, ...removed].join(' ')}`.trim(),
    );
  }
  return found;
}

function subscribed(): SourceSession {
  const session = new SourceSession({ collections, incremental: true });
  for (const collection of collections) session.receive({ collection, incremental: true });
  return session;
}

const ack = (session: SourceSession, collection: string, nonce: string, code?: number) =>
  session.receive({
    collection,
    incremental: true,
    responseNonce: nonce,
    ...(code ? { errorDetail: { code, message: 'no' } } : {}),
  });

test('a revision reaches every collection, as an empty message where nothing changed', () => {
  const session = subscribed();
  session.offer(snapshot('1', { 'a/x': '1' }));
  expect(pushes(session)).toEqual(['a@1 #1 x', 'b@1 #2']);
  ack(session, 'a', '1');
  ack(session, 'b', '2');
  session.offer(snapshot('2', { 'a/x': '1', 'b/y': '2' }));
  expect(pushes(session)).toEqual(['a@2 #3', 'b@2 #4 y']);
});

test('a newer snapshot waits until every collection has answered for the older one, and versions between are folded', () => {
  const session = subscribed();
  session.offer(snapshot('1', { 'a/x': '1' }));
  pushes(session);
  session.offer(snapshot('2', { 'a/x': '2' }));
  session.offer(snapshot('3', { 'a/x': '3' }));
  ack(session, 'a', '1');
  expect(pushes(session)).toEqual([]);
  ack(session, 'b', '2');
  expect(pushes(session)).toEqual(['a@3 #3 x', 'b@3 #4']);
});

test('what was refused is sent again with the next version, not before', () => {
  const session = subscribed();
  session.offer(snapshot('1', { 'a/x': '1' }));
  pushes(session);
  expect(ack(session, 'a', '1', 3)).toEqual({ kind: 'refused', code: 3, message: 'no' });
  ack(session, 'b', '2');
  expect(pushes(session)).toEqual([]);
  session.offer(snapshot('2', { 'a/x': '1', 'a/y': '2' }));
  expect(pushes(session)).toEqual(['a@2 #3 x y', 'b@2 #4']);
});

test('a sink that resumes gets what changed since its versions', () => {
  const session = new SourceSession({ collections, incremental: true });
  session.offer(snapshot('9', { 'a/x': '1', 'a/y': '9' }));
  session.receive({
    collection: 'a',
    incremental: true,
    initialResourceVersions: { x: '1', y: '2', gone: '3' },
  });
  expect(pushes(session)).toEqual(['a@9 #1 y -gone']);
});

test('an answer is taken once: a repeated or foreign nonce changes nothing', () => {
  const session = subscribed();
  session.offer(snapshot('1', { 'a/x': '1' }));
  pushes(session);
  expect(ack(session, 'a', '2').kind).toBe('stale');
  expect(ack(session, 'a', '1').kind).toBe('acknowledged');
  expect(ack(session, 'a', '1', 3).kind).toBe('stale');
  expect(session.receive({ collection: 'c' }).kind).toBe('unsupported');
});

test('a collection subscribed while another is outstanding is brought to the same snapshot', () => {
  const session = new SourceSession({ collections, incremental: true });
  session.receive({ collection: 'a', incremental: true });
  session.offer(snapshot('1', { 'a/x': '1', 'b/y': '1' }));
  expect(pushes(session)).toEqual(['a@1 #1 x']);
  session.offer(snapshot('2', { 'a/x': '2', 'b/y': '2' }));
  session.receive({ collection: 'b', incremental: true });
  expect(pushes(session)).toEqual(['b@1 #2 y']);
});
