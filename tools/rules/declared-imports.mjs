import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { repositoryFiles, root, textOf } from './files.mjs';

/** Every package that a workspace's code imports is declared in that workspace's package.json. */
export function check() {
  const problems = [];
  const declared = new Map();
  const rootManifest = JSON.parse(textOf('package.json'));
  const builtin = new Set(builtinModules);
  for (const path of repositoryFiles((name) =>
    /^(apps|libs)\/.*\.(ts|mjs)$|^(e2e|tools)\/.*\.(ts|mjs)$/.test(name),
  )) {
    if (!existsSync(join(root, path))) continue;
    const workspace = /^(apps|libs)\/[^/]+/.exec(path)?.[0] ?? path.split('/')[0];
    if (!declared.has(workspace)) {
      const manifest = JSON.parse(textOf(`${workspace}/package.json`));
      const names = {
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...rootManifest.devDependencies,
      };
      declared.set(workspace, new Set([manifest.name, ...Object.keys(names)]));
    }
    for (const [, from, bare, lazy] of textOf(path).matchAll(
      /^(?:import|export)\b[^'\n;]*(?:\n[^'\n;]*)*?\bfrom '([^'.][^']*)'|^import '([^'.][^']*)'|\bimport\(\s*'([^'.][^']*)'/gm,
    )) {
      const specifier = from ?? bare ?? lazy;
      if (specifier.startsWith('node:') || builtin.has(specifier)) continue;
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (!/^(@[\w.-]+\/)?[\w.-]+$/.test(name)) continue;
      const test = /\.test\.ts$|\/fuzz\//.test(path) && name === '@lateen/testing';
      if (!declared.get(workspace).has(name) && !test) {
        problems.push(`${path}: imports ${name}, which ${workspace}/package.json doesn't declare`);
      }
    }
  }
  return problems;
}
