import { RE2JS } from 're2js';

const longest = 1024;

/** What is wrong with a user's regular expression: RE2 syntax, at most 1024 characters. Source: Istio ValidateRegex. */
export function regexProblem(pattern: string): string | undefined {
  if (pattern.length > longest) return `the regular expression is longer than ${longest} characters`;
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return `invalid regular expression (RE2 syntax): ${error instanceof Error ? error.message : String(error)}`;
  }
}
