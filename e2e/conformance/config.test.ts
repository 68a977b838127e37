import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { analysisTally } from './config/analysis.ts';
import { corporaPresent } from './config/corpus.ts';
import { crdTally } from './config/crds.ts';
import { mutationTally } from './config/mutations.ts';
import { mixerConfigTally, sampleAnalysisTally, sampleTally } from './config/samples.ts';
import { validationTally } from './config/validation.ts';

const tallies = {
  'validation-resource': () => validationTally('resource'),
  'validation-field': () => validationTally('field'),
  crds: crdTally,
  analysis: analysisTally,
  mutations: mutationTally,
  samples: sampleTally,
  'sample-analysis': sampleAnalysisTally,
  'mixer-config': mixerConfigTally,
};

function floors(): Record<string, number> {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'floors.json'), 'utf8')) as {
    config?: Record<string, number>;
  };
  return all.config ?? {};
}

if (!corporaPresent)
  process.stderr.write('conformance/config: the corpora are absent, its cases are not run\n');

describe.runIf(corporaPresent)('Istio configuration', () => {
  test.each(Object.entries(tallies))('%s', (name, run) => {
    const { passed, total, failures } = run();
    process.stderr.write(`conformance/config ${name}: ${passed} of ${total}\n`);
    if (process.env.LATEEN_CONFORMANCE_SHOW) process.stderr.write(`  ${failures.join('\n  ')}\n`);
    expect(passed, failures.slice(0, 20).join('\n')).toBeGreaterThanOrEqual(floors()[name] ?? 0);
  });
});
