import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true }).map((name) => join('docs', String(name))),
];

/** `a/{b,c}/d` as the paths that it stands for; placeholders as `<kind>` end a path at the folder before them. */
function expand(path: string): string[] {
  const braces = /\{([^}]*)\}/.exec(path);
  if (braces) return braces[1]!.split(',').flatMap((part) => expand(path.replace(braces[0], part.trim())));
  const placeholder = path.search(/<|\*/);
  return [placeholder < 0 ? path : dirname(path.slice(0, placeholder + 1))];
}

describe.each(pages.filter((page) => page.endsWith('.md')))('%s', (page) => {
  const text = readFileSync(join(root, page), 'utf8');

  test('names only files and folders that exist', () => {
    const named = [...text.matchAll(/`((?:apps|libs|tools|e2e|deploy|docs)\/[^`\s]*)`/g)].flatMap(
      ([, path]) => expand(path!),
    );
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('links only to pages that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) =>
      join(dirname(page), link!),
    );
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
  });
});
