import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, connectNats, journals, subjects } from '@lateen/bus';
import { freePort } from '@lateen/cli';
import { Secret, silentLogger, systemClock } from '@lateen/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const components = ['galley', 'pilot', 'mixer', 'citadel'] as const;
type Component = (typeof components)[number];
const password = (component: Component): string => `${component}-password`;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** deploy/nats.conf for one of three servers on this machine: the file as it is, but for addresses and folders. */
function configOf(server: number, ports: { client: number[]; cluster: number[] }, folder: string): string {
  const store = join(folder, `store-${server}`);
  mkdirSync(store);
  const moved = readFileSync(join(root, 'deploy/nats.conf'), 'utf8')
    .replace('listen: "0.0.0.0:4222"', `listen: "127.0.0.1:${ports.client[server]}"`)
    .replace(/^http: .*$/m, '')
    .replace('store_dir: "/data"', `store_dir: "${store}"`)
    .replace('listen: "0.0.0.0:6222"', `listen: "127.0.0.1:${ports.cluster[server]}"`);
  const file = join(folder, `nats-${server}.conf`);
  writeFileSync(file, moved);
  writeFileSync(join(folder, 'nats-users.conf'), readFileSync(join(root, 'deploy/nats-users.conf')));
  return file;
}

describe('three nats-servers from deploy/nats.conf', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-cluster-'));
  const servers: ChildProcess[] = [];
  const buses = new Map<Component, Bus>();
  const refused: string[] = [];
  let urls: string[];

  beforeAll(async () => {
    const binary = execFileSync(process.execPath, [join(root, 'tools/nats-server.mjs')], {
      encoding: 'utf8',
    }).trim();
    const take = () => Promise.all([1, 2, 3].map(() => freePort()));
    const ports = { client: await take(), cluster: await take() };
    urls = ports.client.map((port) => `nats://127.0.0.1:${port}`);
    const environment = Object.fromEntries(
      components.map((component) => [`NATS_${component.toUpperCase()}_PASSWORD`, password(component)]),
    );
    for (const [server, port] of ports.cluster.entries())
      environment[`NATS_ROUTE_${server + 1}`] = `nats://cluster:cluster-password@127.0.0.1:${port}`;
    for (const server of [0, 1, 2]) {
      const child = spawn(binary, ['-c', configOf(server, ports, folder)], {
        env: {
          ...environment,
          NATS_SERVER_NAME: `nats-${server + 1}`,
          NATS_CLUSTER_PASSWORD: 'cluster-password',
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      child.stderr?.on('data', (chunk) => {
        for (const line of String(chunk).split('\n'))
          if (/(Publish|Subscription) Violation/.test(line)) refused.push(line);
      });
      servers.push(child);
    }
    for (const component of components) {
      buses.set(
        component,
        await connectNats({
          servers: urls,
          component,
          password: new Secret(password(component)),
          replicas: 3,
          clock: systemClock,
          random: Math.random,
          logger: silentLogger,
          connectTimeoutMs: 20_000,
        }),
      );
    }
  }, 60_000);
  afterAll(async () => {
    for (const bus of buses.values()) await bus.close();
    for (const server of servers) server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);

  const bus = (component: Component): Bus => buses.get(component)!;

  test('galley writes its journal to all three, and goes on when one of them dies', async () => {
    const journal = await bus('galley').journal(journals.config);
    expect(await journal.append(text('one'), { expectedLast: 0 })).toMatchObject({
      kind: 'appended',
      sequence: 1,
    });
    servers[2]!.kill('SIGKILL');
    // When it was the leader, the others first choose a new one.
    const appended = async (): Promise<number> => {
      await journal.append(text('two'), { expectedLast: 1 }).catch(() => {});
      return journal.last().catch(() => 0);
    };
    await expect.poll(appended, { timeout: 20_000 }).toBe(2);
  }, 40_000);

  test('pilot tells galley how far it is', async () => {
    const heard = new Promise<string>((resolve) => {
      bus('galley').subscribe(subjects.rollout, (payload) => resolve(new TextDecoder().decode(payload)));
    });
    const asked = new Promise<void>(
      (resolve) => void bus('pilot').subscribe(subjects.rolloutQuery, () => resolve()),
    );
    await expect
      .poll(
        async () => {
          bus('galley').publish(subjects.rolloutQuery, text(''));
          bus('pilot').publish(subjects.rollout, text('{"acked":1}'));
          return Promise.race([
            Promise.all([heard, asked]).then(([status]) => status),
            new Promise((next) => setTimeout(next, 100)),
          ]);
        },
        { timeout: 10_000 },
      )
      .toBe('{"acked":1}');
  }, 20_000);

  test.each(['pilot', 'mixer', 'citadel'] as const)(
    '%s may neither write configuration nor hear galley’s replies',
    async (component) => {
      const galley = await bus('galley').journal(journals.config);
      const before = await galley.last();
      const count = refused.length;
      bus(component).publish(`lateen.journal.${journals.config}`, text('forged'));
      bus(component).subscribe('_INBOX_galley.>', () => {});
      await expect
        .poll(() => refused.slice(count).filter((line) => line.includes(`user:${component}"`)).length, {
          timeout: 10_000,
        })
        .toBeGreaterThanOrEqual(2);
      expect(await galley.last()).toEqual(before);
    },
  );
});
