// `npm run bench -- data-plane [scenario…] [--rounds N]`: the yardstick's scenarios side by side with stock Envoy. The
// yardstick is in the folder LATEEN_SHARED, by default ../shared.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const yardstick = join(
  process.env.LATEEN_SHARED ?? join(root, '..', 'shared'),
  'tools',
  'bench-data-plane.py',
);

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}

/** First line that a command prints; `undefined` when it can't run. */
function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', cwd: root });
  return status === 0 ? stdout.trim() : undefined;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, headers: { type: 'string', default: 'small' } },
});
const [suite, ...named] = positionals;
if (suite !== 'data-plane') fail('usage: npm run bench -- data-plane [scenario…] [--rounds N]');
if (!existsSync(yardstick)) fail(`there is no ${yardstick}; set LATEEN_SHARED`);
const missing = ['python3', 'wrk', 'h2load', 'nginx', 'openssl', 'taskset'].filter(
  (tool) => output('sh', ['-c', `command -v ${tool}`]) === undefined,
);
if (missing.length > 0) fail(`${missing.join(', ')}: not on PATH`);
const envoy = output(join(root, 'tools', 'node'), [join(root, 'tools', 'envoy.mjs')]);
if (envoy === undefined) fail('stock Envoy could not be provided');

const proxy = `${root}/tools/node ${root}/apps/proxy/src/main.ts -c {config} --concurrency 1`;
let failed = 0;
for (const scenario of named.length > 0 ? named : ['a', 'b', 'd1', 'e', 'e2', 't']) {
  const args = ['--scenario', scenario, '--rounds', values.rounds, '--headers', values.headers];
  const candidates = ['--cands', 'envoy', '--envoy', envoy, '--cand', `lateen=${proxy}`];
  if (spawnSync('python3', [yardstick, ...args, ...candidates], { stdio: 'inherit' }).status !== 0)
    failed += 1;
}
process.exit(failed > 0 ? 1 : 0);
