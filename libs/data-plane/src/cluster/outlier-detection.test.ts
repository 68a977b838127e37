import { durationOf } from '@lateen/protos';
import { ManualClock } from '@lateen/runtime';
import { expect, test } from 'vitest';
import type { HostOutcome } from './cluster.ts';
import { HostSet } from './host.ts';
import { createOutlierDetector } from './outlier-detection.ts';

function setUp(config: Parameters<typeof createOutlierDetector>[0], panicPercent = 0) {
  const clock = new ManualClock();
  const hosts = new HostSet({ panicPercent });
  hosts.update(
    [1, 2, 3, 4].map((port) => ({
      address: { kind: 'socket', host: '10.0.0.1', port },
      hostname: '',
      metadata: undefined,
      weight: 1,
      priority: 0,
      healthy: true,
    })),
  );
  const detector = createOutlierDetector(
    {
      interval: durationOf(1000),
      baseEjectionTime: durationOf(10_000),
      maxEjectionPercent: { value: 50 },
      ...config,
    },
    { hosts, clock, random: () => 0, onChange: () => {} },
  );
  const report = (host: number, ...outcomes: HostOutcome[]): void => {
    for (const outcome of outcomes) detector.report(hosts.all[host]!, outcome);
  };
  return {
    clock,
    hosts,
    report,
    usable: () => (hosts.tiers[0]?.hosts ?? []).map(({ endpoint }) => endpoint.port),
  };
}

test('a host is ejected after so many errors in a row, and a success starts the count anew', () => {
  const { report, usable } = setUp({ consecutive_5xx: { value: 3 } });
  report(0, 500, 500, 200, 500, 503);
  expect(usable()).toEqual([1, 2, 3, 4]);
  report(0, 500);
  expect(usable()).toEqual([2, 3, 4]);
});

test('it comes back after the base time, and stays away longer each time', () => {
  const { clock, report, usable } = setUp({ consecutive_5xx: { value: 1 } });
  report(0, 500);
  clock.advance(9500);
  expect(usable()).toEqual([2, 3, 4]);
  clock.advance(1000);
  expect(usable()).toEqual([1, 2, 3, 4]);
  report(0, 500);
  clock.advance(15_000);
  expect(usable()).toEqual([2, 3, 4]);
  clock.advance(6000);
  expect(usable()).toEqual([1, 2, 3, 4]);
});

test('no more than the allowed share is ejected', () => {
  const { report, usable } = setUp({ consecutive_5xx: { value: 1 } });
  for (const host of [0, 1, 2, 3]) report(host, 500);
  expect(usable()).toEqual([3, 4]);
});

test('gateway errors count by themselves when enforced', () => {
  const { report, usable } = setUp({
    consecutiveGatewayFailure: { value: 2 },
    enforcingConsecutiveGatewayFailure: { value: 100 },
    enforcingConsecutive_5xx: { value: 0 },
  });
  report(0, 500, 500, 500, 500, 500, 500);
  expect(usable()).toEqual([1, 2, 3, 4]);
  report(0, 503, 'timeout');
  expect(usable()).toEqual([2, 3, 4]);
});

test('with a split, failures to connect count apart', () => {
  const { report, usable } = setUp({
    splitExternalLocalOriginErrors: true,
    consecutiveLocalOriginFailure: { value: 2 },
    consecutive_5xx: { value: 2 },
  });
  report(0, 'connect-failure', 500);
  expect(usable()).toEqual([1, 2, 3, 4]);
  report(0, 'reset');
  expect(usable()).toEqual([2, 3, 4]);
});

test('below the panic threshold every host is used', () => {
  const { report, usable } = setUp({ consecutive_5xx: { value: 1 } }, 60);
  report(0, 500);
  expect(usable()).toEqual([2, 3, 4]);
  report(1, 500);
  expect(usable()).toEqual([1, 2, 3, 4]);
});
