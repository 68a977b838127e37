import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';
import { ManualClock, sleep } from './clock.ts';

test('timers run in order of time, those set meanwhile too, cancelled ones never', () => {
  const clock = new ManualClock(1000);
  const ran: string[] = [];
  clock.after(20, () => ran.push(`b@${clock.now()}`));
  clock.after(10, () => {
    ran.push(`a@${clock.now()}`);
    clock.after(5, () => ran.push(`c@${clock.now()}`));
  });
  clock.after(15, () => ran.push('never')).cancel();
  clock.advance(30);
  expect(ran).toEqual(['a@1010', 'c@1015', 'b@1020']);
  expect(clock.pending).toBe(0);
});

test('sleep ends early on abort', async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const slept = sleep(clock, 1000, abort.signal);
  abort.abort();
  await slept;
  expect(clock.pending).toBe(0);
});

test('back-off doubles up to its maximum and starts anew', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 1 });
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([
    100, 200, 400, 800, 1000,
  ]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});
