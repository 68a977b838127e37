import { repositoryFiles, textOf } from './files.mjs';

// Where the surroundings are handed in: entry points, the runtime's own clock, scripts, tests and samples.
const allowed =
  /(\/main\.ts$|^apps\/cli\/src\/(main|surroundings)\.ts$|^libs\/runtime\/src\/(clock|lifecycle|logger)\.ts$|\.test\.ts$|^tools\/|^e2e\/|\/generate\.ts$|\.fixture\.ts$|\/fuzz\/|\/preload\.)/;
const ambient = [
  [/\bprocess\.(env|argv|exit|stdout|stdin|on|cwd|hrtime|nextTick)\b/, 'process'],
  [/\bDate\.now\(|\bnew Date\(\)/, 'the ambient clock'],
  [/\bMath\.random\(/, 'ambient randomness'],
];

/** Nothing below `main.ts` reads the environment, the clock or a random source that it was not given. */
export function check() {
  const problems = [];
  for (const path of repositoryFiles((name) => /^(apps|libs)\/.*\.ts$/.test(name) && !allowed.test(name))) {
    for (const [index, line] of textOf(path).split('\n').entries()) {
      if (/^\s*(\/\/|\*|\/\*)/.test(line)) continue;
      for (const [pattern, what] of ambient) {
        if (pattern.test(line))
          problems.push(`${path}:${index + 1}: uses ${what}; take it through the constructor`);
      }
    }
  }
  return problems;
}
