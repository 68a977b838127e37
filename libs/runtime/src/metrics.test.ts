import { expect, test } from 'vitest';
import { MetricsRegistry } from './metrics.ts';

test('series in Prometheus text, labels escaped, histograms cumulative', () => {
  const registry = new MetricsRegistry();
  registry.counter('hits_total', 'Hits.', { path: 'a"b\\c\nd' }).inc();
  registry.counter('hits_total', 'Hits.', { path: 'a"b\\c\nd' }).inc(2);
  registry.gauge('open', 'Open.').set(4);
  const histogram = registry.histogram('wait', 'Wait.', [1, 10]);
  for (const value of [1, 2, 20]) histogram.observe(value);
  expect(registry.text()).toBe(
    [
      '# HELP hits_total Hits.',
      '# TYPE hits_total counter',
      'hits_total{path="a\\"b\\\\c\\nd"} 3',
      '# HELP open Open.',
      '# TYPE open gauge',
      'open 4',
      '# HELP wait Wait.',
      '# TYPE wait histogram',
      'wait_bucket{le="1"} 1',
      'wait_bucket{le="10"} 2',
      'wait_bucket{le="+Inf"} 3',
      'wait_sum 23',
      'wait_count 3',
      '',
    ].join('\n'),
  );
});
