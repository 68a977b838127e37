import type { Instance, TypedValue } from '@lateen/mixer-rules';
import { ManualClock, MetricsRegistry, silentLogger } from '@lateen/runtime';
import { expect, test } from 'vitest';
import { LineWriter } from './line-writer.ts';
import { MetricStore } from './metric-store.ts';
import { stdio } from './stdio.ts';

const entry = (severity: string, variables: Record<string, TypedValue> = {}): Instance => ({
  template: 'logentry',
  name: 'log.instance.ns',
  values: new Map([['severity', { type: 'STRING', value: severity }]]),
  maps: new Map([['variables', new Map(Object.entries(variables))]]),
});

function lines(
  params: Record<string, string | boolean | Record<string, string>>,
  instances: readonly Instance[],
  waiting = 0,
): string[] {
  const written: string[] = [];
  const stream = { writableLength: waiting, write: (text: string) => written.push(text) > 0 };
  const metrics = new MetricsRegistry();
  const writer = new LineWriter(stream, metrics.counter('dropped', 'Dropped'));
  const decoded = stdio.decode(params);
  if ('complaints' in decoded) return decoded.complaints.map(({ path, message }) => `${path}: ${message}`);
  const handler = stdio.create(decoded.config, {
    clock: new ManualClock(0),
    logger: silentLogger,
    metrics,
    store: new MetricStore(),
    stdout: writer,
    stderr: writer,
  });
  void handler.report?.(instances);
  return [...written, ...(waiting > 0 ? [metrics.text().split('\n')[2]!] : [])];
}

const at = '"time":"1970-01-01T00:00:00.000000Z","instance":"log.instance.ns"';

test.each([
  [
    'values readable',
    { outputAsJson: true },
    [
      entry('info', {
        b: { type: 'IP_ADDRESS', value: Uint8Array.of(1, 2, 3, 4) },
        a: { type: 'DURATION', value: { seconds: 61, nanos: 500_000_000 } },
      }),
    ],
    [`{"level":"info",${at},"a":"1m1.5s","b":"1.2.3.4"}\n`],
  ],
  [
    'no JSON',
    {},
    [entry('warning', { a: { type: 'INT64', value: 1 } })],
    ['1970-01-01T00:00:00.000000Z\twarn\tlog.instance.ns\t{"a": 1}\n'],
  ],
  [
    'quiet levels left out',
    { outputAsJson: true, outputLevel: 'ERROR' },
    [entry('info'), entry('error')],
    [`{"level":"error",${at}}\n`],
  ],
  [
    'severities as configured',
    { outputAsJson: true, severityLevels: { Odd: 'WARNING' } },
    [entry('Odd')],
    [`{"level":"warn",${at}}\n`],
  ],
  [
    'a text cannot break its line',
    { outputAsJson: true },
    [entry('info', { a: { type: 'STRING', value: 'x\n"y' } })],
    [`{"level":"info",${at},"a":"x\\n\\"y"}\n`],
  ],
  [
    'files refused',
    { logStream: 'FILE', outputPath: '/x' },
    [],
    ['spec.params.logStream: only STDOUT and STDERR are supported'],
  ],
] as const)('%s', (_what, params, instances, expected) => {
  expect(lines(params, instances)).toEqual(expected);
});

test('lines that nobody reads are dropped and counted', () => {
  expect(lines({}, [entry('info'), entry('info')], 100 * 1024 * 1024)).toEqual(['dropped 2']);
});
