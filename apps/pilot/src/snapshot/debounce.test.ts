import { ManualClock } from '@lateen/runtime';
import { expect, test } from 'vitest';
import { Debounce } from './debounce.ts';

test.each([
  { what: 'one change of a quiet mesh goes at once', events: [0], acts: [0] },
  { what: 'changes far apart go at once each', events: [0, 100, 250], acts: [0, 100, 250] },
  { what: 'the second of two waits for the pause', events: [0, 10], acts: [0, 110] },
  { what: 'a burst acts once when it pauses', events: [0, 50, 100, 150], acts: [0, 250] },
  {
    what: 'a burst without end is cut',
    events: Array.from({ length: 13 }, (_, n) => n * 50),
    acts: [0, 550, 700],
  },
])('$what', ({ events, acts }) => {
  const clock = new ManualClock();
  const acted: number[] = [];
  const debounce = new Debounce({ clock, afterMs: 100, maxMs: 500, action: () => acted.push(clock.now()) });
  for (const at of events) {
    clock.advance(at - clock.now());
    debounce.trigger();
  }
  clock.advance(10_000);
  expect(acted).toEqual(acts);
});

test('what waits can be cancelled', () => {
  const clock = new ManualClock();
  let acted = 0;
  const debounce = new Debounce({ clock, afterMs: 100, maxMs: 500, action: () => (acted += 1) });
  debounce.trigger();
  debounce.trigger();
  debounce.cancel();
  clock.advance(1000);
  expect(acted).toBe(1);
});
