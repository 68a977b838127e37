import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Component, composeComponents } from './lifecycle.ts';

function recorder(log: string[], name: string, fails = false): Component {
  return {
    name,
    async start() {
      log.push(`start ${name}`);
      if (fails) throw new Error(`${name} cannot start`);
    },
    async stop() {
      log.push(`stop ${name}`);
    },
  };
}

test('parts start in order and stop in reverse', async () => {
  const log: string[] = [];
  const whole = composeComponents('whole', [recorder(log, 'a'), recorder(log, 'b')]);
  await whole.start();
  await whole.stop();
  await whole.stop();
  expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
});

test('a failed start stops what ran, the failed part included', async () => {
  const log: string[] = [];
  const whole = composeComponents('whole', [
    recorder(log, 'a'),
    recorder(log, 'b', true),
    recorder(log, 'c'),
  ]);
  await expect(whole.start()).rejects.toThrow('b cannot start');
  expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
});

test('a process that waits on nothing but a clock during its start does not end', () => {
  const script = `
    import { runProcess, silentLogger, sleep, systemClock } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
    const start = async () => {
      await sleep(systemClock, 50);
      throw new Error('came this far');
    };
    const component = { name: 'waiter', start, stop: async () => {} };
    await runProcess(component, { process, logger: silentLogger, stopTimeoutMs: 1000 });
  `;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect([run.status, run.stderr]).toEqual([1, 'waiter: came this far\n']);
});
