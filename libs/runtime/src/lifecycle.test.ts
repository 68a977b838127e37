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
  const whole = composeComponents('whole', [recorder(log, 'a'), recorder(log, 'b', true), recorder(log, 'c')]);
  await expect(whole.start()).rejects.toThrow('b cannot start');
  expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
});
