// `npm run check`: everything a tool can judge, in parallel, one line a rule, all findings below.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { root } from './rules/files.mjs';

const commands = {
  types: [
    'tsc',
    '-p',
    'tsconfig.base.json',
    '--incremental',
    '--tsBuildInfoFile',
    'node_modules/.lateen/tsc.tsbuildinfo',
  ],
  lint: ['oxlint', '--type-aware', '--quiet', 'apps', 'libs', 'tools', 'e2e'],
  format: ['biome', 'format', '.'],
  boundaries: ['depcruise', '--config', '.dependency-cruiser.mjs', 'apps', 'libs', 'e2e'],
  'dead code': ['knip', '--no-progress'],
};

function run([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(`node_modules/.bin/${command}`, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`, NO_COLOR: '1' },
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve([String(error)]));
    child.on('close', (code) =>
      resolve(code === 0 ? [] : [output.trim() || `${command} ended with ${code}`]),
    );
  });
}

const jobs = [
  ...Object.entries(commands).map(([name, command]) => [name, () => run(command)]),
  ...['declared-imports', 'ambient', 'room-names', 'public-docs'].map((name) => [
    name,
    async () => (await import(`./rules/${name}.mjs`)).check(),
  ]),
];

let failed = 0;
let next = 0;
async function worker() {
  while (next < jobs.length) {
    const [name, job] = jobs[next++];
    const begin = performance.now();
    const problems = await job();
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    process.stdout.write(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
    if (problems.length > 0) {
      failed += 1;
      process.stdout.write(`${problems.map((problem) => problem.replace(/^/gm, '     ')).join('\n')}\n`);
    }
  }
}
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
process.stdout.write(
  failed === 0
    ? `check: all ${jobs.length} rules hold\n`
    : `check: ${failed} of ${jobs.length} rules are broken\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
