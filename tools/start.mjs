// `npm start`: the mesh with Bookinfo in it. Everything is done by `lateen up`; this only names the sample's files.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './rules/files.mjs';

const bookinfo = join(root, 'e2e/bookinfo');
const child = spawn(
  join(root, 'tools/node'),
  [
    join(root, 'apps/cli/src/main.ts'),
    'up',
    '--workloads',
    join(bookinfo, 'workloads.yaml'),
    '-f',
    join(bookinfo, 'config/bookinfo.yaml'),
    '-f',
    join(bookinfo, 'config/telemetry.yaml'),
    '--probe',
    '/productpage',
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
// Ctrl-C reaches the child by itself; this process only waits for its end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
