import { ManualClock, systemClock } from '@lateen/runtime';
import { expect, test } from 'vitest';
import { type ProcessPlan, supervise } from './supervisor.ts';

const ports = { clock: systemClock, random: () => 0.1 };

function plan(script: string, options: Partial<ProcessPlan> = {}): ProcessPlan & { lines: string[] } {
  const lines: string[] = [];
  return {
    name: 'probe',
    command: process.execPath,
    args: ['-e', script],
    environment: { PATH: process.env.PATH },
    readyBy: 'message',
    readyTimeoutMs: 10_000,
    stopTimeoutMs: 2000,
    restart: false,
    onLine: (line) => lines.push(line),
    lines,
    ...options,
  };
}

const ready =
  "process.send({ ready: true, id: process.pid }); process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000);";

test('a process is ready when it says so, and stops by SIGTERM', async () => {
  const running = await supervise(plan(ready), ports);
  expect(running.ready).toMatchObject({ ready: true, id: running.processId });
  await running.stop();
  expect(await running.ended).toBe(0);
  expect(running.processId).toBeUndefined();
});

test('one that ends before it is ready fails with its last lines', async () => {
  const failing = supervise(plan("console.error('no such bucket'); process.exit(4)"), ports);
  await expect(failing).rejects.toThrow(/probe ended with exit code 4[^]*no such bucket/);
});

test('one that is never ready is killed', async () => {
  const late = supervise(plan('setInterval(() => {}, 1000)', { readyTimeoutMs: 300 }), ports);
  await expect(late).rejects.toThrow(/probe was not ready within 0.3 s/);
});

test('one that ignores SIGTERM is killed after its time', async () => {
  const stubborn =
    "process.on('SIGTERM', () => {}); process.send({ ready: true }); setInterval(() => {}, 1000);";
  const running = await supervise(plan(stubborn, { stopTimeoutMs: 200 }), ports);
  await running.stop();
  expect(await running.ended).toBe(128);
});

test('a killed process is started again, and its watcher is told', async () => {
  const script = plan(ready, { restart: true });
  const running = await supervise(script, ports);
  const first = running.processId!;
  process.kill(first, 'SIGKILL');
  await expect
    .poll(() => running.processId !== undefined && running.processId !== first, { timeout: 10_000 })
    .toBe(true);
  await expect.poll(() => (running.ready as { id: number }).id, { timeout: 10_000 }).toBe(running.processId);
  expect(script.lines).toEqual(['failed (SIGKILL) and is started again']);
  await running.stop();
});

test('a missing program says so', async () => {
  const missing = supervise(plan('', { command: '/nowhere/at-all' }), { ...ports, clock: new ManualClock() });
  await expect(missing).rejects.toThrow(/probe could not be started: .*ENOENT/);
});
