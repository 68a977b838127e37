#!/usr/bin/env node
// Runs the CLI on the right Node: this one if it is new enough, else the pinned one through tools/node.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const self = realpathSync(fileURLToPath(import.meta.url));
const app = dirname(dirname(self));
const workspace = join(app, '../..');
const source = join(app, 'src/main.ts');
const main = existsSync(source) ? source : join(app, 'main.mjs');

if (Number(process.versions.node.split('.')[0]) >= 26) {
  // A quarter of a second of each command is compiling; the cache is this process's alone, no app of `run` gets it.
  if (main === source) enableCompileCache(join(workspace, 'node_modules/.cache/lateen'));
  await import(main);
} else {
  const node = join(workspace, 'tools/node');
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides when it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`lateen: ${node} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
