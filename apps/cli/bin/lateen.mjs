#!/usr/bin/env node
// Runs the CLI on the right Node: this one if it is new enough, else the pinned one through tools/node.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const app = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))));
const source = join(app, 'src/main.ts');
const main = existsSync(source) ? source : join(app, 'main.mjs');

if (Number(process.versions.node.split('.')[0]) >= 26) {
  await import(main);
} else {
  const node = join(app, '../../tools/node');
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides when it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`lateen: ${node} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
