import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@lateen/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyText } from './apply.ts';
import { Catalog } from './catalog.ts';
import type { ConfigStore, Transaction } from './config-store.ts';
import { createSqliteStore } from './sqlite-store.ts';

const type = 'networking.istio.io/ServiceEntry';
const document = (name: string, host = 'a.example'): string =>
  `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ${name}}\nspec: {hosts: [${host}], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n---\n`;

let folder: string;
let catalog: Catalog;

const storeOf = (): ConfigStore => createSqliteStore({ path: join(folder, 'galley.db'), history: 10 });
const catalogOf = (store: ConfigStore): Catalog => new Catalog({ store, logger: silentLogger, history: 10 });
const apply = (...names: string[]) =>
  applyText(catalog, {
    files: [{ documents: names.map((name) => document(name)).join('') }],
    nowMs: 1_700_000_000_000,
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lateen-catalog-'));
  catalog = catalogOf(storeOf());
  await catalog.start();
});
afterEach(async () => {
  await catalog.stop();
  await rm(folder, { recursive: true, force: true });
});

test('writes that come together are stored one after the other, each seen by the next', async () => {
  const results = await Promise.all(Array.from({ length: 20 }, (_, index) => apply(`se-${index % 5}`)));
  const actions = results.map((result) =>
    result.kind === 'applied' ? result.results[0]!.action : 'refused',
  );
  expect(actions.filter((action) => action === 'created')).toHaveLength(5);
  expect(actions.filter((action) => action === 'unchanged')).toHaveLength(15);
  expect(catalog.revision).toBe(5);
});

test('listeners get a transaction’s events together', async () => {
  const heard: string[] = [];
  catalog.subscribe((revision, events) => {
    heard.push(`${revision}: ${events.map((event) => `${event.type} ${event.entry.key}`).join(', ')}`);
  });
  await apply('a', 'b');
  await catalog.transact(() => ({ changes: [], value: undefined }));
  expect(heard).toEqual(['1: ADDED default/a, ADDED default/b']);
  expect(catalog.get(type, 'default/a')?.object.metadata).toMatchObject({
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2023-11-14T22:13:20Z',
  });
});

test('events are kept for a while, by whole transactions; what is older is gone, what is newer unknown', async () => {
  for (let index = 0; index < 30; index += 1) await apply(`x-${index}`, `y-${index}`);
  expect(catalog.eventsSince(1)).toBe('gone');
  expect(catalog.eventsSince(31)).toBe('gone');
  expect(catalog.eventsSince(30)).toEqual([]);
  const events = catalog.eventsSince(28);
  expect(events !== 'gone' && events.map((event) => event.entry.key)).toEqual([
    'default/x-28',
    'default/y-28',
    'default/x-29',
    'default/y-29',
  ]);
});

test('events survive a restart as far as the store keeps them', async () => {
  for (let index = 0; index < 15; index += 1) await apply(`x-${index}`);
  await catalog.stop();
  catalog = catalogOf(storeOf());
  await catalog.start();
  expect(catalog.eventsSince(4)).toBe('gone');
  const events = catalog.eventsSince(5);
  expect(events !== 'gone' && events.length).toBe(10);
});

test('a transaction of another galley that arrives during the start is not lost', async () => {
  const { changes } = await new Promise<Transaction>((resolve) => {
    const store = createSqliteStore({ path: join(folder, 'other.db'), history: 10 });
    void store.open(resolve).then(async () => {
      const body = JSON.stringify({
        apiVersion: 'networking.istio.io/v1',
        kind: 'ServiceEntry',
        metadata: { name: 'early', namespace: 'default' },
        spec: { hosts: ['a.example'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] },
      });
      await store.commit([{ type, key: 'default/early', action: 'created', body }], 0);
      await store.close();
    });
  });
  const racing: ConfigStore = {
    async open(onTransaction) {
      onTransaction({ revision: 1, changes });
      return { revision: 0, objects: [], recent: [] };
    },
    commit: async () => ({ kind: 'conflict' }),
    close: async () => {},
  };
  const raced = catalogOf(racing);
  await raced.start();
  expect(raced.revision).toBe(1);
  expect(raced.get(type, 'default/early')?.revision).toBe(1);
  await expect(
    raced.transact(() => ({ changes: [{ type, key: 'a/b', action: 'created', body: '{}' }], value: 0 })),
  ).rejects.toMatchObject({ code: 'LTN_GALLEY_BUSY', retryable: true });
});

test('a stored object of a newer version is left out and stays stored', async () => {
  const body = JSON.stringify({
    apiVersion: 'networking.istio.io/v9',
    kind: 'Novelty',
    metadata: { name: 'n' },
  });
  await catalog.transact(() => ({
    changes: [{ type: 'networking.istio.io/Novelty', key: 'default/n', action: 'created', body }],
    value: undefined,
  }));
  expect(catalog.revision).toBe(1);
  expect([...catalog.all()]).toEqual([]);
  await catalog.stop();
  expect((await storeOf().open(() => {})).objects).toHaveLength(1);
});
