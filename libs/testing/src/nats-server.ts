import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A nats-server of a test's own. */
export interface TestNatsServer {
  readonly url: string;
  /** Kills it as a crash would (SIGKILL). The data stay. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts a real nats-server (from PATH or by `tools/nats-server.mjs`) with JetStream in a temporary folder, each write
 * synced before it is acknowledged.
 */
export async function startNatsServer(): Promise<TestNatsServer> {
  const provider = join(import.meta.dirname, '../../../tools/nats-server.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [provider], { timeout: 180_000 });
  const folder = await mkdtemp(join(tmpdir(), 'lateen-nats-'));
  const port = await freePort();
  const config = join(folder, 'nats.conf');
  await writeFile(
    config,
    `listen: "127.0.0.1:${port}"\nmax_payload: 8MB\njetstream { store_dir: ${JSON.stringify(folder)}, sync_interval: always }\n`,
  );
  let stop = await run(stdout.trim(), config);
  return {
    url: `nats://127.0.0.1:${port}`,
    kill: () => stop('SIGKILL'),
    async restart() {
      stop = await run(stdout.trim(), config);
    },
    async stop() {
      await stop('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function run(binary: string, config: string): Promise<(signal: NodeJS.Signals) => Promise<void>> {
  const child = spawn(binary, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Server is ready')) resolve();
    });
    child.once('error', reject);
    void exited.then(() => reject(new Error(`nats-server ended:\n${log}`)));
  });
  return (signal) => {
    child.kill(signal);
    return exited;
  };
}

/** nats-server can't report a port it chose in a form that is there before it is ready, so one is picked for it. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
