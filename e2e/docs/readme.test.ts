import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** A fenced block of shell commands; `background` blocks hold one that runs until it is stopped. */
interface Block {
  readonly mode: 'run' | 'background' | 'manual';
  readonly commands: readonly string[];
}

function blocksOf(file: string): Block[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^```sh ?(\w*)\n([^]*?)^```$/gm)].map(([, mode, body]) => ({
    mode: mode === 'background' || mode === 'manual' ? mode : 'run',
    commands: body!.trim().split('\n'),
  }));
}

describe('README', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-readme-'));
  const running: ChildProcess[] = [];
  // As a reader's shell: npm's and the test runner's own variables would change which Node runs.
  const environment = {
    HOME: process.env.HOME,
    PATH: (process.env.PATH ?? '')
      .split(':')
      .filter((entry) => !entry.endsWith('node_modules/.bin'))
      .join(':'),
    LATEEN_STATE_DIR: folder,
  };

  function shell(command: string): {
    child: ChildProcess;
    output: () => string;
    ended: Promise<number | null>;
  } {
    const child = spawn('sh', ['-c', command], { cwd: root, env: environment, detached: true });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    running.push(child);
    return {
      child,
      output: () => output,
      ended: new Promise((resolve) => child.on('close', (code) => resolve(code))),
    };
  }

  /** Ends a background command as Ctrl-C does: the whole process group hears it. */
  async function interrupt(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.on('close', resolve));
    process.kill(-child.pid!, 'SIGINT');
    await closed;
  }

  async function untilPrinted(started: ReturnType<typeof shell>, text: string): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!started.output().includes(text)) {
      if (started.child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`"${text}" was not printed, but:\n${started.output()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  let start: ReturnType<typeof shell>;
  const blocks = blocksOf('README.md');
  beforeAll(async () => {
    start = shell(blocks[0]!.commands[0]!);
    await untilPrinted(start, '] ready');
  }, 90_000);
  afterAll(async () => {
    for (const child of running.reverse()) await interrupt(child);
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);

  test('the first request after "ready" succeeds', async () => {
    const answer = await fetch('http://localhost:8080/productpage');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('Reviews served by');
  });

  for (const block of blocks.slice(1).filter(({ mode }) => mode === 'run')) {
    for (const command of block.commands) {
      test(command, async () => {
        const { ended, output } = shell(command);
        expect(`${await ended}\n${output()}`).toMatch(/^0\n./);
      });
    }
  }

  test('lateen run', async () => {
    const command = blocks.find(({ commands }) => commands[0]!.includes('lateen run'))!.commands[0]!;
    const started = shell(command);
    await untilPrinted(started, 'runs in the mesh');
    await interrupt(started.child);
    expect(started.output()).toMatch(/http: the mesh reaches it at 127\.0\.0\.1:\d+/);
  });

  test('Ctrl-C ends npm start and frees its ports', async () => {
    await interrupt(start.child);
    await expect(fetch('http://localhost:8080/productpage')).rejects.toThrow();
  });
});
