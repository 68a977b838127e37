import { repositoryFiles, textOf } from './files.mjs';

const declaration =
  /^export (?:default )?(?:async )?(?:abstract )?(function\*?|class|const|interface|type) (\w+)/;

/** Every exported function, class, constant and type of the libs and of an app's index has a doc comment. */
export function check() {
  const problems = [];
  const accept = (name) =>
    /^libs\/[^/]+\/src\/.*\.ts$|^apps\/[^/]+\/src\/index\.ts$/.test(name) && !name.endsWith('.test.ts');
  for (const path of repositoryFiles(accept)) {
    const lines = textOf(path).split('\n');
    const overloads = new Set();
    for (const [index, line] of lines.entries()) {
      const match = declaration.exec(line);
      if (!match || overloads.has(match[2])) continue;
      overloads.add(match[2]);
      const before = lines[index - 1] ?? '';
      if (!/\*\/\s*$/.test(before))
        problems.push(`${path}:${index + 1}: ${match[1]} ${match[2]} has no doc comment`);
    }
  }
  return problems;
}
