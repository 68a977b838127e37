// `npm test [paths]`: unit to whole mesh, with one closing line `N passed, N failed`. `--soak` runs the long forms.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './rules/files.mjs';

const args = process.argv.slice(2);
const soak = args.includes('--soak');
const folder = mkdtempSync(join(tmpdir(), 'lateen-test-'));
const report = join(folder, 'report.json');
const paths = args.filter((arg) => arg !== '--soak');
const vitest = spawn(
  join(root, 'node_modules/.bin/vitest'),
  [
    'run',
    '--config',
    'tools/vitest.config.ts',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...paths,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
      ...(soak ? { LATEEN_SOAK: '1' } : {}),
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => vitest.kill(signal));
vitest.on('close', (code) => {
  let passed = 0;
  let failed = 1;
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    passed = result.numPassedTests;
    failed = result.numFailedTests + (result.success || result.numFailedTests > 0 ? 0 : 1);
  } catch (error) {
    console.error(`the test report could not be read: ${error.message}`);
  }
  rmSync(folder, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = code ?? 1;
});
