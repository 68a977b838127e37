import { durationOf } from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import type { EndpointSpec } from './endpoints.ts';
import { HostSet } from './host.ts';
import { readSlowStart } from './slow-start.ts';

const spec = (port: number, over: Partial<EndpointSpec> = {}): EndpointSpec => ({
  address: { kind: 'socket', host: '10.0.0.1', port },
  hostname: '',
  metadata: undefined,
  weight: 1,
  priority: 0,
  healthy: true,
  ...over,
});

/** Hosts of a priority, the first `healthy` of them available. */
const level = (priority: number, healthy: number, total: number): EndpointSpec[] =>
  Array.from({ length: total }, (_, index) =>
    spec(priority * 100 + index + 1, { priority, healthy: index < healthy }),
  );

describe('load by priority', () => {
  const cases: [string, EndpointSpec[], number, number, [hosts: number, until: number][]][] = [
    ['all of the first', [...level(0, 4, 4), ...level(1, 4, 4)], 140, 50, [[4, 100]]],
    ['enough of the first', [...level(0, 3, 4), ...level(1, 4, 4)], 140, 50, [[3, 100]]],
    [
      'half of the first',
      [...level(0, 2, 4), ...level(1, 4, 4)],
      140,
      50,
      [
        [2, 70],
        [4, 100],
      ],
    ],
    [
      'no spare at factor 100',
      [...level(0, 3, 4), ...level(1, 4, 4)],
      100,
      50,
      [
        [3, 75],
        [4, 100],
      ],
    ],
    ['none of the first', [...level(0, 0, 4), ...level(1, 4, 4)], 140, 50, [[4, 100]]],
    [
      'few everywhere: panic',
      [...level(0, 1, 4), ...level(1, 1, 4)],
      140,
      50,
      [
        [4, 50],
        [4, 100],
      ],
    ],
    [
      'few everywhere, no panic',
      [...level(0, 1, 4), ...level(1, 1, 4)],
      140,
      0,
      [
        [1, 50],
        [1, 100],
      ],
    ],
    [
      'none at all: panic',
      [...level(0, 0, 3), ...level(1, 0, 1)],
      140,
      50,
      [
        [3, 75],
        [1, 100],
      ],
    ],
    ['none at all, no panic', level(0, 0, 3), 140, 0, []],
    ['no hosts', [], 140, 50, []],
  ];
  test.each(cases)('%s', (_, specs, factor, panicPercent, expected) => {
    const hosts = new HostSet({ panicPercent });
    hosts.update(specs, factor);
    expect(hosts.tiers.map((tier) => [tier.hosts.length, Math.round(tier.until)])).toEqual(expected);
  });
});

test('an update keeps the hosts that stay and tells those that leave', () => {
  const hosts = new HostSet({ panicPercent: 0 });
  hosts.update([spec(1), spec(2)]);
  const [first, second] = hosts.all;
  hosts.update([spec(2, { weight: 5 })]);
  expect(hosts.all).toEqual([second]);
  expect(second?.weight).toBe(5);
  expect([first?.gone.aborted, second?.gone.aborted]).toEqual([true, false]);
});

test('a new host begins with a tenth of its weight and grows to all of it', () => {
  let now = 0;
  const slowStart = readSlowStart({
    roundRobinLbConfig: { slowStartConfig: { slowStartWindow: durationOf(60_000) } },
  });
  const hosts = new HostSet({ panicPercent: 0, slowStart, now: () => now });
  hosts.update([spec(1, { weight: 10 })]);
  now = 60_000;
  hosts.update([spec(1, { weight: 10 }), spec(2, { weight: 10 })]);
  const weights = (): number[] => hosts.all.map(({ weight }) => weight);
  expect(weights()).toEqual([10, 1]);
  expect(hosts.warming).toBe(true);
  now = 90_000;
  hosts.refresh();
  expect(weights()).toEqual([10, 5]);
  now = 120_000;
  hosts.refresh();
  expect(weights()).toEqual([10, 10]);
  expect(hosts.warming).toBe(false);
});

test('aggression bends the growth, the least share is bounded', () => {
  const config = (aggression: number, minWeightPercent: number) => ({
    leastRequestLbConfig: {
      slowStartConfig: {
        slowStartWindow: durationOf(100_000),
        aggression: { defaultValue: aggression, runtimeKey: 'a' },
        minWeightPercent: { value: minWeightPercent },
      },
    },
  });
  expect(readSlowStart(config(2, 0))?.factor(25_000)).toBeCloseTo(0.5);
  expect(readSlowStart(config(1, 40))?.factor(25_000)).toBeCloseTo(0.4);
  expect(() => readSlowStart({ roundRobinLbConfig: { slowStartConfig: {} } })).toThrow(
    'round_robin_lb_config.slow_start_config.slow_start_window',
  );
});
