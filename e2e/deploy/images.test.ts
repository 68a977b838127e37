import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '@lateen/cli';
import { startNatsServer } from '@lateen/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const images = readdirSync(join(root, 'deploy/images')).map((file) => file.replace('.Dockerfile', ''));

/** What a Dockerfile copies and starts. */
function imageOf(app: string): { copies: [string, string][]; entry: string[] } {
  const text = readFileSync(join(root, 'deploy/images', `${app}.Dockerfile`), 'utf8');
  const copies = [...text.matchAll(/^COPY (\S+) (\S+)$/gm)].map(([, from, to]): [string, string] => [
    from!,
    to!,
  ]);
  return { copies, entry: JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)![1]!) as string[] };
}

describe('images', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-images-'));
  const state = join(folder, 'state');
  const children: ReturnType<typeof spawn>[] = [];
  let nats: Awaited<ReturnType<typeof startNatsServer>>;
  let addresses: Record<string, string>;
  beforeAll(async () => {
    for (const app of images)
      execFileSync(process.execPath, [join(root, 'tools/build.mjs'), app], { cwd: root });
    nats = await startNatsServer();
    const names = [
      'CITADEL_ADDRESS',
      'CITADEL_ADMIN_ADDRESS',
      'GALLEY_API_ADDRESS',
      'GALLEY_MCP_ADDRESS',
      'PILOT_ADDRESS',
      'PILOT_DEBUG_ADDRESS',
      'MIXER_ADDRESS',
      'MIXER_MONITORING_ADDRESS',
      'MIXER_PROMETHEUS_ADDRESS',
    ];
    addresses = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, `127.0.0.1:${await freePort()}`] as const)),
    );
    mkdirSync(state);
  }, 120_000);
  afterAll(async () => {
    for (const child of children.reverse()) {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      await closed;
    }
    await nats?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  // Citadel first: the others get their certificates of it, and wait for galley's first revision.
  const order = ['citadel', 'galley', 'mixer', 'pilot', 'ingress-gateway', 'proxy'];

  test('every image has its place in the start order', () => {
    expect(images.toSorted()).toEqual(order.toSorted());
  });

  test.each(order)(
    '%s starts from what its Dockerfile copies, and gets ready',
    async (app) => {
      const image = join(folder, app);
      const { copies, entry } = imageOf(app);
      for (const [from, to] of copies) {
        mkdirSync(dirname(join(image, to)), { recursive: true });
        cpSync(join(root, from), join(image, to), { recursive: true });
      }
      const token = app === 'proxy' || app === 'ingress-gateway' ? 'ingress-gateway' : app;
      const [program, ...args] = entry;
      expect(program).toBe('node');
      const child = spawn(
        process.execPath,
        args.map((arg) => (arg.startsWith('/') ? join(image, arg) : arg)),
        {
          cwd: image,
          stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
          env: {
            ...addresses,
            LATEEN_STATE_DIR: app === 'proxy' ? join(folder, 'sidecar') : state,
            NATS_URL: nats.url,
            GALLEY_STORE: 'sqlite',
            DISCOVERY_ADDRESS: addresses.PILOT_ADDRESS,
            JOIN_TOKEN_FILE: join(state, 'tokens', token),
            POD_NAME: 'sample-1',
            POD_NAMESPACE: 'istio-system',
            SERVICE_ACCOUNT: 'istio-ingressgateway-service-account',
            WORKLOAD_NAME: 'sample',
            PROXY_ADMIN_PORT: String(await freePort()),
          },
        },
      );
      children.push(child);
      let output = '';
      child.stdout?.on('data', (chunk) => (output += String(chunk)));
      child.stderr?.on('data', (chunk) => (output += String(chunk)));
      const ready = await new Promise<unknown>((resolve) => {
        child.once('message', resolve);
        child.once('close', (code) => resolve(`ended with ${code}: ${output.slice(-2000)}`));
      });
      expect(ready).toMatchObject({ ready: true });
    },
    40_000,
  );

  test('a sidecar carries nothing of the control plane', () => {
    const sources = JSON.parse(readFileSync(join(root, 'apps/proxy/dist/main.mjs.map'), 'utf8')) as {
      sources: string[];
    };
    const strangers = sources.sources.filter((path) =>
      /fastify|@nats-io|libs\/(config-schema|mesh-compiler|mcp|bus|kube)\//.test(path),
    );
    expect(strangers).toEqual([]);
  });
});
