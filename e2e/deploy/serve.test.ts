import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const ports = [14_222, 8060, 8061, 9876, 9901, 9091, 15_012, 15_014];
/** Listens once a Gateway asks for it. */
const gatewayPort = 8080;

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

const listening = async (): Promise<number[]> => {
  const found = await Promise.all(
    [...ports, gatewayPort].map(async (port) => ((await listens(port)) ? [port] : [])),
  );
  return found.flat();
};

describe('npx nx run-many -t serve', () => {
  const state = mkdtempSync(join(tmpdir(), 'lateen-serve-'));
  // As a reader's shell: the system's Node begins, the workspace's shim takes over.
  const environment = {
    HOME: process.env.HOME,
    PATH: (process.env.PATH ?? '')
      .split(':')
      .filter((entry) => !entry.endsWith('node_modules/.bin'))
      .join(':'),
    LATEEN_STATE_DIR: state,
    NX_DAEMON: 'false',
    NX_TUI: 'false',
  };
  let serve: ChildProcess;
  let output = '';
  beforeAll(async () => {
    expect(await listening()).toEqual([]);
    serve = spawn('npx', ['nx', 'run-many', '-t', 'serve'], { cwd: root, env: environment, detached: true });
    for (const stream of [serve.stdout, serve.stderr])
      stream?.on('data', (chunk) => (output += String(chunk)));
    const deadline = performance.now() + 60_000;
    while ((await listening()).length < ports.length) {
      if (performance.now() > deadline)
        throw new Error(`not every port is listened on:\n${output.slice(-3000)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }, 90_000);
  afterAll(() => {
    if (serve.exitCode === null && serve.signalCode === null) process.kill(-serve.pid!, 'SIGKILL');
    rmSync(state, { recursive: true, force: true });
  });

  function lateen(...args: string[]): Promise<{ code: number; text: string }> {
    return new Promise((resolve) => {
      const command = ['--no', 'lateen', ...args];
      execFile('npx', command, { cwd: root, env: environment, timeout: 40_000 }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: out + err }),
      );
    });
  }

  test('configuration is applied and reaches the gateway', async () => {
    const { code, text } = await lateen('apply', '--wait', '-f', 'e2e/bookinfo/config/bookinfo.yaml');
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringMatching(/1 of 1 proxies have it/) });
    expect((await fetch(`http://127.0.0.1:${gatewayPort}/not-routed`)).status).toBe(404);
  }, 60_000);

  test('an app runs in it', async () => {
    const { code, text } = await lateen('run', '--name', 'job', '--', 'node', '-e', 'process.exit(5)');
    expect({ code, text }).toMatchObject({ code: 5, text: expect.stringMatching(/job runs in the mesh/) });
  }, 60_000);

  test('Ctrl-C ends every process and frees every port', async () => {
    process.kill(-serve.pid!, 'SIGINT');
    await expect.poll(listening, { timeout: 20_000, interval: 200 }).toEqual([]);
  }, 30_000);
});
