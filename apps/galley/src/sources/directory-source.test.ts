import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@lateen/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Catalog } from '../store/catalog.ts';
import { createSqliteStore } from '../store/sqlite-store.ts';
import { createDirectorySource, type DirectorySource } from './directory-source.ts';

let folder: string;
let config: string;
let catalog: Catalog;
let source: DirectorySource;

const type = 'networking.istio.io/VirtualService';
const service = (name: string, host = 'reviews'): string =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ${name}}\nspec: {hosts: [reviews], http: [{route: [{destination: {host: ${host}}}]}]}\n---\n`;

async function start(): Promise<void> {
  catalog = new Catalog({
    store: createSqliteStore({ path: join(folder, 'state', 'galley.db'), history: 100 }),
    logger: silentLogger,
    history: 100,
  });
  await catalog.start();
  source = createDirectorySource({
    directories: [config],
    catalog,
    clock: systemClock,
    logger: silentLogger,
    pollMs: 200,
    debounceMs: 20,
  });
  await source.start();
}

async function stop(): Promise<void> {
  await source.stop();
  await catalog.stop();
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lateen-source-'));
  config = join(folder, 'config');
  await mkdir(config);
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

const names = (): string[] => [...catalog.list(type).keys()].map((key) => key.split('/')[1]!).sort();
const write = (file: string, text: string): Promise<void> => writeFile(join(config, file), text);

/** Resolves when a condition holds; asked after every transaction and every change of the problems. */
function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const look = (): void => {
      if (!condition()) return;
      for (const stop of stops.splice(0)) stop();
      resolve();
    };
    stops.push(catalog.subscribe(look), source.problems.subscribe(look));
  });
}

test('files are there when the start is done; one file is one transaction', async () => {
  await write('one.yaml', service('a') + service('b'));
  await mkdir(join(config, 'deeper'));
  await write('deeper/two.yml', service('c'));
  await write('notes.txt', 'not yaml: [');
  await write('.hidden.yaml', service('hidden'));
  await start();
  expect(names()).toEqual(['a', 'b', 'c']);
  expect(catalog.revision).toBe(2);
});

test('changes, new files and deletions are followed', async () => {
  await write('one.yaml', service('a') + service('b'));
  await start();
  await write('two.yaml', service('c'));
  await until(() => names().join() === 'a,b,c');
  await write('one.yaml', service('a', 'other'));
  await until(() => names().join() === 'a,c');
  expect(catalog.get(type, 'default/a')?.object.metadata.generation).toBe(2);
  await rm(join(config, 'one.yaml'));
  await until(() => names().join() === 'c');
  await rename(join(config, 'two.yaml'), join(config, 'three.yaml'));
  await until(() => catalog.get(type, 'default/c')?.owner === join(config, 'three.yaml'));
});

test('an invalid file keeps its last good objects and is reported; others are unaffected', async () => {
  await write('one.yaml', service('a'));
  await write('two.yaml', service('b'));
  await start();
  await write('one.yaml', `${service('a', 'changed')}${service('x').replace('hosts', 'hsots')}`);
  await until(() => source.problems.entries.size === 1);
  const [violation] = source.problems.entries.get(join(config, 'one.yaml'))!;
  expect(violation).toMatchObject({
    path: 'spec.hsots',
    position: { file: join(config, 'one.yaml'), line: 9 },
  });
  expect(catalog.get(type, 'default/a')?.object.metadata.generation).toBe(1);
  await write('two.yaml', service('b', 'changed'));
  await until(() => catalog.get(type, 'default/b')?.object.metadata.generation === 2);
  await write('one.yaml', service('a', 'corrected'));
  await until(() => source.problems.entries.size === 0);
  expect(catalog.get(type, 'default/a')?.object.metadata.generation).toBe(2);
});

test('an object of two files belongs to the first; the second gets it when the first lets go', async () => {
  await write('one.yaml', service('a'));
  await write('two.yaml', service('a', 'other') + service('b'));
  await start();
  expect(names()).toEqual(['a']);
  const [violation] = source.problems.entries.get(join(config, 'two.yaml'))!;
  expect(violation?.message).toContain('one.yaml');
  await rm(join(config, 'one.yaml'));
  await until(() => names().join() === 'a,b' && source.problems.entries.size === 0);
});

test('what happened while nobody watched is made up for at the start', async () => {
  await write('one.yaml', service('a') + service('b'));
  await write('two.yaml', service('c'));
  await start();
  const { revision } = catalog;
  await stop();
  await start();
  expect(catalog.revision).toBe(revision);
  await stop();
  await write('one.yaml', service('b'));
  await rm(join(config, 'two.yaml'));
  await start();
  expect(names()).toEqual(['b']);
});
