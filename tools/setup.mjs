// Makes a clone ready: npm dependencies, Node 26, the generated protobuf bundle. Runs on any Node from 20 on,
// so it is plain JavaScript without dependencies. Cheap when there is nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamps = join(root, 'node_modules', '.lateen');

function digest(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function run(step, command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...env },
  });
  if (result.error?.code === 'ENOENT') fail(`${step}: ${command} is not on PATH`);
  if (result.status !== 0) fail(`${step} failed (exit code ${result.status ?? result.signal})`);
}

function fail(message) {
  console.error(`lateen setup: ${message}`);
  process.exit(1);
}

/** Runs `work` unless the stamp says that it was done for the same inputs. */
function once(name, inputs, work) {
  const stamp = join(stamps, name);
  const want = digest(inputs);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return;
  work();
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, want);
}

function filesUnder(folder, ending) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((name) => name.endsWith(ending))
    .sort();
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node.js 20 or newer is needed to begin with, this is ${process.versions.node}`);
}
once('dependencies', ['package-lock.json'], () => {
  console.error('lateen setup: installing dependencies (once)');
  run('npm ci', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { LATEEN_NODE_SETUP: '1' });
});
run('Node.js 26', join(root, 'tools/node'), ['-e', '']);
once(
  'protos',
  [
    'libs/protos/generate.ts',
    'libs/protos/bundles.ts',
    ...filesUnder('libs/protos/proto', '.proto'),
    'package-lock.json',
  ],
  () => {
    console.error('lateen setup: generating protobuf bundles (once)');
    run('protobuf generation', join(root, 'tools/node'), ['libs/protos/generate.ts']);
  },
);
