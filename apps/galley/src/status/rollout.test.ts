import { createMemoryBus, type RolloutStatus, subjects } from '@lateen/bus';
import { ManualClock, silentLogger } from '@lateen/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rollout } from './rollout.ts';

const clock = new ManualClock(1000);
const bus = createMemoryBus({ clock, logger: silentLogger });
let rollout: Rollout;
beforeEach(async () => {
  rollout = new Rollout({ bus, clock, logger: silentLogger, silentAfterMs: 5000 });
  await rollout.start();
});
afterEach(() => rollout.stop());

async function publish(status: Partial<RolloutStatus> | string): Promise<void> {
  const whole =
    typeof status === 'string'
      ? status
      : JSON.stringify({ pilot: 'p', revision: 0, proxies: 0, acked: 0, nacks: [], ...status });
  bus.publish(subjects.rollout, new TextEncoder().encode(whole));
  await Promise.resolve();
}

const never = new AbortController().signal;

test('nobody’s word is no rollout', () => expect(rollout.report(1).done).toBe(false));

test('a mesh without proxies is done when pilot has the revision', async () => {
  await publish({ revision: 2 });
  expect(rollout.report(2).done).toBe(true);
  expect(rollout.report(3).done).toBe(false);
});

test('a pilot that fell silent is left out once another has the revision', async () => {
  await publish({ pilot: 'gone', revision: 1, proxies: 3, acked: 3 });
  const waiting = rollout.wait(2, { timeoutMs: 60_000, signal: never });
  clock.advance(10);
  await publish({ pilot: 'alive', revision: 2, proxies: 1, acked: 1 });
  expect(rollout.report(2, 1000).done).toBe(false);
  clock.advance(5000);
  expect(await waiting).toMatchObject({ done: true, proxies: 1, acked: 1 });
});

test('the wait ends with the time, with the caller, and with galley', async () => {
  const timed = rollout.wait(9, { timeoutMs: 100, signal: never });
  clock.advance(100);
  expect((await timed).done).toBe(false);
  const abort = new AbortController();
  const aborted = rollout.wait(9, { timeoutMs: 100, signal: abort.signal });
  abort.abort();
  expect((await aborted).done).toBe(false);
  const stopped = rollout.wait(9, { timeoutMs: 100, signal: never });
  await rollout.stop();
  expect((await stopped).done).toBe(false);
  expect(clock.pending).toBe(0);
});

test.each(['no json', 'null', '{}', '{"pilot":"p","revision":"1","proxies":0,"acked":0,"nacks":[]}'])(
  'an unreadable status is ignored: %s',
  async (text) => {
    await publish(text);
    expect(rollout.report(0).done).toBe(false);
  },
);

test('a galley that starts asks the pilots for their status', async () => {
  let asked = 0;
  bus.subscribe(subjects.rolloutQuery, () => void (asked += 1));
  const second = new Rollout({ bus, clock, logger: silentLogger });
  await second.start();
  await Promise.resolve();
  expect(asked).toBe(1);
  await second.stop();
});
