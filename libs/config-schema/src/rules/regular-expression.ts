import { RE2JS } from 're2js';

const longest = 1024;
const mostVerdicts = 2000;
const verdicts = new Map<string, string | undefined>();

/** What is wrong with a user's regular expression: RE2 syntax, at most 1024 characters. Source: Istio ValidateRegex. */
export function regexProblem(pattern: string): string | undefined {
  if (pattern.length > longest) return `the regular expression is longer than ${longest} characters`;
  if (verdicts.has(pattern)) return verdicts.get(pattern);
  const problem = compile(pattern);
  // Objects are judged again on every change; what is oldest goes first.
  if (verdicts.size >= mostVerdicts) verdicts.delete(verdicts.keys().next().value ?? '');
  verdicts.set(pattern, problem);
  return problem;
}

function compile(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return `invalid regular expression (RE2 syntax): ${error instanceof Error ? error.message : String(error)}`;
  }
}
