import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

describe('the floors of the house', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lateen-floors-'));
    for (const file of ['.dependency-cruiser.mjs', 'tsconfig.base.json'])
      copyFileSync(join(root, file), join(folder, file));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Names of the rules that a small tree of files breaks. */
  function broken(files: Readonly<Record<string, string>>): string[] {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const command = join(root, 'node_modules/.bin/depcruise');
    const folders = [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))];
    let report: string;
    try {
      report = execFileSync(
        command,
        ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', ...folders],
        {
          cwd: folder,
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
    } catch (error) {
      report = (error as { stdout: string }).stdout;
    }
    const { summary } = JSON.parse(report) as { summary: { violations: { rule: { name: string } }[] } };
    return [...new Set(summary.violations.map(({ rule }) => rule.name))].toSorted();
  }

  const index = 'export const x = 1;\n';
  const importing = (path: string): string => `import { x } from '${path}';\nexport const y = x;\n`;

  test('an import from a lower floor is fine', () => {
    expect(
      broken({
        'libs/xds/src/index.ts': importing('../../protos/src/index.ts'),
        'libs/protos/src/index.ts': index,
      }),
    ).toEqual([]);
  });

  test.each([
    [
      'from a higher floor',
      'libs/matching/src/a.ts',
      '../../xds/src/index.ts',
      'libs/xds/src/index.ts',
      'floor-of-matching',
    ],
    [
      'of an app by an app',
      'apps/galley/src/a.ts',
      '../../pilot/src/index.ts',
      'apps/pilot/src/index.ts',
      'apps-are-strangers',
    ],
    [
      'of the agent by the data plane',
      'libs/data-plane/src/a.ts',
      '../../agent/src/index.ts',
      'libs/agent/src/index.ts',
      'data-plane-knows-no-agent',
    ],
    [
      'behind another room’s index',
      'libs/xds/src/a.ts',
      '../../protos/src/deep.ts',
      'libs/protos/src/deep.ts',
      'no-deep-imports',
    ],
  ])('an import %s is refused', (_what, from, path, to, rule) => {
    expect(broken({ [from]: importing(path), [to]: index })).toContain(rule);
  });

  test('a cycle is refused', () => {
    const files = {
      'libs/xds/src/a.ts': importing('./b.ts'),
      'libs/xds/src/b.ts': "import { y } from './a.ts';\nexport const x = y;\n",
    };
    expect(broken(files)).toContain('no-cycles');
  });
});

test('the page of errors is what the code throws', () => {
  expect(() => execFileSync(process.execPath, [join(root, 'tools/errors.mjs'), '--check'])).not.toThrow();
});
