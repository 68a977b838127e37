import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Bus, connectNats } from '@lateen/bus';
import { silentLogger, systemClock } from '@lateen/runtime';
import { startNatsServer, type TestNatsServer } from '@lateen/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigStore, StoredChange, Transaction } from './config-store.ts';
import { createJournalStore } from './journal-store.ts';
import { createSqliteStore } from './sqlite-store.ts';

let server: TestNatsServer;
let bus: Bus;
let folder: string;
let nextName = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lateen-store-'));
  server = await startNatsServer();
  const surroundings = { clock: systemClock, random: Math.random, logger: silentLogger };
  bus = await connectNats({ servers: [server.url], component: 'galley-test', ...surroundings });
}, 200_000);
afterAll(async () => {
  await bus.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const history = 5;

/** A place for one store; each `open` is another galley, or the same one after a restart. */
interface Place {
  open(): Promise<ConfigStore>;
  /** What a child process needs to open the same place. */
  readonly arguments: readonly string[];
}

const places: Record<string, () => Place> = {
  sqlite() {
    const path = join(folder, `${nextName++}`, 'config.db');
    return { open: async () => createSqliteStore({ path, history }), arguments: ['sqlite', path] };
  },
  'bus journal'() {
    const name = `CONFIG_${nextName++}`;
    return {
      open: async () =>
        createJournalStore({
          journal: await bus.journal(name),
          history,
          clock: systemClock,
          logger: silentLogger,
        }),
      arguments: ['nats', server.url, name],
    };
  },
};

const put = (key: string, body: string, action: 'created' | 'updated' = 'created'): StoredChange => ({
  type: 'networking.istio.io/VirtualService',
  key,
  action,
  body,
});
const drop = (key: string): StoredChange => ({ ...put(key, ''), action: 'deleted' });

describe.each(Object.entries(places))('store in %s', (_name, place) => {
  const opened: ConfigStore[] = [];
  const open = async (at: Place, onTransaction: (transaction: Transaction) => void = () => {}) => {
    const store = await at.open();
    opened.push(store);
    return { store, state: await store.open(onTransaction) };
  };
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  test('an empty store is at revision 0', async () => {
    expect((await open(place())).state).toEqual({ revision: 0, objects: [], recent: [] });
  });

  test('transactions have successive revisions and reach the listener before the commit resolves', async () => {
    const heard: number[] = [];
    const { store } = await open(place(), (transaction) => heard.push(transaction.revision));
    for (const revision of [1, 2, 3]) {
      expect(await store.commit([put(`a/${revision}`, '{}')], revision - 1)).toEqual({
        kind: 'committed',
        revision,
      });
      expect(heard.at(-1)).toBe(revision);
    }
    expect(heard).toEqual([1, 2, 3]);
  });

  test('a wrong expectation stores nothing', async () => {
    const at = place();
    const { store } = await open(at);
    await store.commit([put('a/x', '{"n":1}')], 0);
    expect(await store.commit([put('a/x', '{"n":2}'), put('a/y', '{}')], 0)).toMatchObject({
      kind: 'conflict',
    });
    await store.close();
    const { state } = await open(at);
    expect(state.objects).toEqual([
      { type: 'networking.istio.io/VirtualService', key: 'a/x', body: '{"n":1}', revision: 1 },
    ]);
  });

  test('a restart finds objects, revisions, owners and the newest history', async () => {
    const at = place();
    const { store } = await open(at);
    await store.commit([{ ...put('a/x', '1'), owner: 'mesh.yaml' }, put('a/y', '1')], 0);
    await store.commit([put('a/y', '2', 'updated'), drop('a/x')], 1);
    for (let last = 2; last < 8; last += 1)
      await store.commit([{ ...put('a/z', `${last}`), owner: 'z.yaml' }], last);
    await store.close();
    const { state } = await open(at);
    expect(state.revision).toBe(8);
    expect(state.objects.map(({ key, body, revision, owner }) => [key, body, revision, owner])).toEqual([
      ['a/y', '2', 2, undefined],
      ['a/z', '7', 8, 'z.yaml'],
    ]);
    expect(state.recent.map((transaction) => transaction.revision)).toEqual([4, 5, 6, 7, 8]);
    expect(state.recent.at(-1)?.changes).toEqual([{ ...put('a/z', '7'), owner: 'z.yaml' }]);
  });

  test('a large transaction is one transaction', async () => {
    const at = place();
    const { store } = await open(at);
    const body = JSON.stringify({ text: 'x'.repeat(2000) });
    const changes = Array.from({ length: 1000 }, (_, index) => put(`a/${index}`, body));
    expect(await store.commit(changes, 0)).toEqual({ kind: 'committed', revision: 1 });
    await store.close();
    expect((await open(at)).state.objects).toHaveLength(1000);
  });

  test('after kill -9 in the middle of writes every acknowledged one is there, and none is half there', async () => {
    const at = place();
    const child = spawnWriter(at.arguments);
    let acknowledged = 0;
    for await (const line of createInterface({ input: child.stdout! })) {
      acknowledged = Number(line);
      if (acknowledged === 150) child.kill('SIGKILL');
    }
    expect(acknowledged).toBeGreaterThanOrEqual(150);
    const { state } = await open(at);
    expect(state.revision).toBeGreaterThanOrEqual(acknowledged);
    // Every transaction of the writer writes two objects with its number.
    expect(state.objects.map((object) => object.key)).toHaveLength(2 * state.revision);
    const numbers = new Set(state.objects.map((object) => Number(object.body)));
    expect(numbers).toEqual(new Set(Array.from({ length: state.revision }, (_, index) => index + 1)));
  });
});

test('a second galley on one SQLite file is told so', async () => {
  const path = join(folder, 'shared.db');
  const [one, two] = [createSqliteStore({ path, history }), createSqliteStore({ path, history })];
  await one.open(() => {});
  await expect(two.open(() => {})).rejects.toThrow(/is another galley using it/);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await one.close();
  await two.open(() => {});
  await two.close();
});

test('two galleys on one journal share a sequence and hear of each other', async () => {
  const journal = await bus.journal('CONFIG_SHARED');
  const galley = async () => {
    const heard: string[] = [];
    const store = createJournalStore({ journal, history, clock: systemClock, logger: silentLogger });
    await store.open((transaction) => heard.push(transaction.changes.map((change) => change.key).join()));
    return { store, heard };
  };
  const [one, two] = [await galley(), await galley()];
  let [lastOfOne, lastOfTwo] = [0, 0];
  const write = async (store: ConfigStore, key: string, last: () => number): Promise<number> => {
    for (;;) {
      const result = await store.commit([put(key, '{}')], last());
      if (result.kind === 'committed') return result.revision;
    }
  };
  for (let round = 0; round < 10; round += 1) {
    await Promise.all([
      write(one.store, `a/one-${round}`, () => one.heard.length).then((revision) => (lastOfOne = revision)),
      write(two.store, `a/two-${round}`, () => two.heard.length).then((revision) => (lastOfTwo = revision)),
    ]);
  }
  expect(Math.max(lastOfOne, lastOfTwo)).toBe(20);
  // The one that was behind catches up by its next conflict at the latest.
  await write(one.store, 'a/end', () => one.heard.length);
  await write(two.store, 'a/end', () => two.heard.length);
  expect(two.heard.slice(0, 21)).toEqual(one.heard.slice(0, 21));
  await Promise.all([one.store.close(), two.store.close()]);
});

function spawnWriter(args: readonly string[]): ChildProcess {
  const script = join(import.meta.dirname, 'store-writer.fixture.ts');
  return spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}
