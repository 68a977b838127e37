import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { corporaPresent } from './mixer/corpus.ts';
import { expressionTallies } from './mixer/expression.ts';
import { wireTallies } from './mixer/wire.ts';

const tallies = { ...expressionTallies, ...wireTallies };

function floors(): Record<string, number> {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')) as {
    mixer?: Record<string, number>;
  };
  return all.mixer ?? {};
}

if (!corporaPresent)
  process.stderr.write('conformance/mixer: the corpora are absent, its cases are not run\n');

describe.runIf(corporaPresent)('Istio Mixer cases', () => {
  test.each(Object.keys(tallies))('%s', async (folder) => {
    const { passed, failures } = await tallies[folder]!();
    if (process.env.LATEEN_CONFORMANCE_SHOW)
      process.stderr.write(`${folder}: ${passed}\n  ${failures.join('\n  ')}\n`);
    expect(passed, failures.slice(0, 20).join('\n')).toBeGreaterThanOrEqual(floors()[folder] ?? 0);
  });
});
