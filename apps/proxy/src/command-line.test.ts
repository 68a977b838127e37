import { describe, expect, test } from 'vitest';
import { readCommandLine } from './command-line.ts';

const read = (...args: string[]) => readCommandLine(args, { exitOverride: true });

test('Envoy’s flags are read', () => {
  const text =
    '-c b.yaml --config-yaml {} --mode validate --concurrency 2 --service-node n --service-cluster c -l warning --drain-time-s 30 --base-id 7';
  const line = read(...text.split(' '));
  expect(line).toEqual({
    configPath: 'b.yaml',
    configYaml: '{}',
    mode: 'validate',
    serviceNode: 'n',
    serviceCluster: 'c',
    logLevel: 'warn',
    drainTimeMs: 30_000,
    concurrency: 2,
  });
});

test('without flags nothing is set but the defaults', () => {
  expect(read()).toMatchObject({
    configPath: undefined,
    mode: 'serve',
    logLevel: 'info',
    drainTimeMs: 600_000,
  });
});

describe('what is wrong is refused', () => {
  test.each([[['--nonsense']], [['--mode', 'x']], [['-l', 'loud']], [['--concurrency', 'two']], [['extra']]])(
    '%j',
    (args) => {
      expect(() => read(...args)).toThrow();
    },
  );
});
