import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root folder of the repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Paths of the repository's files that git knows or would add, filtered by `accept`. */
export function repositoryFiles(accept) {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return list.split('\n').filter((path) => path !== '' && accept(path));
}

/** Text of a repository file. */
export function textOf(path) {
  return readFileSync(join(root, path), 'utf8');
}
