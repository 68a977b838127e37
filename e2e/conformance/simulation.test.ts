import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { corpora } from './config/corpus.ts';
import { kubernetesOnly, scenarioTally } from './simulation/scenarios.ts';
import { sidecarRouteTally } from './simulation/sidecar-routes.ts';

const present = existsSync(join(corpora, 'simulation/scenarios.json'));
const tallies = { scenarios: scenarioTally, 'sidecar-routes': sidecarRouteTally };

function floors(): Record<string, number> {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')) as {
    simulation?: Record<string, number>;
  };
  return all.simulation ?? {};
}

if (present) {
  for (const [name, reason] of kubernetesOnly)
    process.stderr.write(`conformance/simulation: ${name} is not run: ${reason}\n`);
} else process.stderr.write('conformance/simulation: the corpus is absent, its cases are not run\n');

describe.runIf(present)('calls through what a proxy receives', () => {
  test.each(Object.entries(tallies))('%s', (name, run) => {
    const { passed, total, failures } = run();
    process.stderr.write(`conformance/simulation ${name}: ${passed} of ${total}\n`);
    if (process.env.LATEEN_CONFORMANCE_SHOW) process.stderr.write(`  ${failures.join('\n  ')}\n`);
    expect(passed, failures.slice(0, 20).join('\n')).toBeGreaterThanOrEqual(floors()[name] ?? 0);
  });
});
