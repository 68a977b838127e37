import type { Instance } from '@lateen/mixer-rules';
import { durationOf } from '@lateen/protos';
import { ManualClock } from '@lateen/runtime';
import { describe, expect, test } from 'vitest';
import { limitFor, MemQuota, memquota } from './memquota.ts';
import { RollingWindow } from './rolling-window.ts';

const instance = (dimensions: Record<string, string> = {}): Instance => ({
  template: 'quota',
  name: 'q.instance.ns',
  values: new Map(),
  maps: new Map([
    [
      'dimensions',
      new Map(Object.entries(dimensions).map(([name, value]) => [name, { type: 'STRING', value }])),
    ],
  ]),
});

function quota(
  maxAmount: number,
  windowMs: number,
): {
  ask: (amount: number, more?: { id?: string; bestEffort?: boolean; source?: string }) => number;
  clock: ManualClock;
} {
  const clock = new ManualClock(0);
  const handler = new MemQuota(
    {
      quotas: [
        {
          name: 'q.instance.ns',
          maxAmount,
          ...(windowMs > 0 ? { validDuration: durationOf(windowMs) } : {}),
        },
      ],
    },
    clock,
  );
  return {
    clock,
    ask: (amount, { id = '', bestEffort = false, source = 'a' } = {}) =>
      handler.quota(instance({ source }), { amount, bestEffort, deduplicationId: id }).amount,
  };
}

test('a window gives back a tick after a tick', () => {
  const { ask, clock } = quota(3, 1000);
  expect([ask(2), ask(2), ask(1)]).toEqual([2, 0, 1]);
  clock.advance(900);
  expect(ask(1)).toBe(0);
  clock.advance(100);
  expect([ask(2), ask(5, { bestEffort: true }), ask(1)]).toEqual([2, 1, 0]);
});

test('a counter counts until it is given back, and never gives back more than it took', () => {
  const { ask, clock } = quota(3, 0);
  expect([ask(3), ask(1)]).toEqual([3, 0]);
  clock.advance(1_000_000);
  expect([ask(1), ask(-2), ask(3), ask(2), ask(-9), ask(-1)]).toEqual([0, 2, 0, 2, 3, 0]);
});

test('dimensions are counted apart', () => {
  const { ask } = quota(1, 1000);
  expect([ask(1), ask(1), ask(1, { source: 'b' })]).toEqual([1, 0, 1]);
});

test('a retry gets what the first try got, for one to two deduplication times', () => {
  const { ask, clock } = quota(10, 60_000);
  expect([ask(10, { id: 'x' }), ask(10, { id: 'x' }), ask(10, { id: 'y' })]).toEqual([10, 10, 0]);
  clock.advance(1500);
  expect(ask(10, { id: 'x' })).toBe(10);
  clock.advance(1000);
  expect(ask(10, { id: 'x' })).toBe(0);
});

test.each([
  [{ app: 'ratings', source: 'reviews' }, 1],
  [{ app: 'ratings', source: 'other' }, 100],
  [{ app: 'details' }, 5000],
])('the first override that matches %j limits to %i', (dimensions, limit) => {
  const config = {
    name: 'q',
    maxAmount: 5000,
    overrides: [
      { dimensions: { app: 'ratings', source: 'reviews' }, maxAmount: 1 },
      { dimensions: { app: 'ratings' }, maxAmount: 100 },
    ],
  };
  expect(limitFor(config, instance(dimensions)).maxAmount).toBe(limit);
});

describe('parameters', () => {
  test.each([
    [{ minDeduplicationDuration: '0s' }, 'spec.params.minDeduplicationDuration'],
    [{ quotas: [{ maxAmount: 1 }] }, 'spec.params.quotas[0].name'],
    [{ quotas: [{ name: 'q', maxAmount: -1 }] }, 'spec.params.quotas[0].maxAmount'],
    [{ quotas: [{ name: 'q', maxAmount: 1, validDuration: '48h' }] }, 'spec.params.quotas[0].validDuration'],
    [{ quotas: [{ name: 'q', overrides: [{ maxAmount: -1 }] }] }, 'spec.params.quotas[0].maxAmount'],
    [{ quota: [] }, 'spec.params'],
  ])('%j are refused', (params, path) => {
    expect(memquota.decode(params)).toEqual({ complaints: [{ path, message: expect.any(String) }] });
  });

  test('an instance without a limit is refused', () => {
    const decoded = memquota.decode({ quotas: [{ name: 'q.instance.ns', maxAmount: 1 }] });
    if ('complaints' in decoded) throw new Error('refused');
    expect(memquota.accepts?.(decoded.config, 'q.instance.ns')).toBeUndefined();
    expect(memquota.accepts?.(decoded.config, 'other')).toContain('did not find limit');
  });
});

test('a window far ahead forgets everything', () => {
  const window = new RollingWindow(5, 3);
  window.alloc(5, 1);
  expect(window.alloc(5, 1_000_000)).toBe(true);
  expect(window.release(9, 1_000_001)).toBe(5);
});
