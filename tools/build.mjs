// `nx build APP`: one ESM file an app with its data beside it, in apps/APP/dist. What the images ship: type stripping
// refuses files under node_modules, and one file starts faster than a thousand.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './rules/files.mjs';

const app = process.argv[2];
if (!app) {
  console.error('usage: build.mjs APP');
  process.exit(2);
}
const folder = join(root, 'apps', app);
const out = join(folder, 'dist');
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'protos'), { recursive: true });
await build({
  entryPoints: [join(folder, 'src/main.ts')],
  outfile: join(out, 'main.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node26',
  sourcemap: 'linked',
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS packages in the bundle ask for Node's own modules by `require`.
  banner: {
    js: "import { createRequire as lateenRequire } from 'node:module'; const require = lateenRequire(import.meta.url);",
  },
});
for (const bundle of ['data-plane', 'control-plane']) {
  cpSync(join(root, 'libs/protos/generated', `${bundle}.json`), join(out, 'protos', `${bundle}.json`));
}
const { name, version, description, license } = manifest;
writeFileSync(
  join(out, 'package.json'),
  `${JSON.stringify({ name, version, description, license, type: 'module' }, null, 2)}\n`,
);
