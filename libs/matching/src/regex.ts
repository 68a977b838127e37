import { messageOf } from '@lateen/runtime';
import type {
  envoy_type_matcher_v3_RegexMatchAndSubstitute,
  envoy_type_matcher_v3_RegexMatcher,
} from '@lateen/protos';
import { RE2JS } from 're2js';
import { invalidConfig } from './invalid.ts';

/** Longest pattern that is compiled; longer ones are refused. UTF-16 units. */
export const maxPatternLength = 8192;

/** RE2 syntax, compiled to a program that runs in linear time. @throws LateenError when it is too long or wrong */
function compilePattern(pattern: string, path: string): RE2JS {
  if (pattern === '') throw invalidConfig(path, 'the pattern is empty');
  if (pattern.length > maxPatternLength) {
    throw invalidConfig(
      path,
      `the pattern has ${pattern.length} characters, at most ${maxPatternLength} are allowed`,
    );
  }
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw invalidConfig(path, `invalid regular expression: ${messageOf(error)}`);
  }
}

/** Matches the whole text, as Envoy's `RegexMatcher` does. @throws LateenError naming `path` */
export function compileRegex(
  matcher: envoy_type_matcher_v3_RegexMatcher,
  path: string,
): (text: string) => boolean {
  const program = compilePattern(matcher.regex ?? '', `${path}.regex`);
  return (text) => program.testExact(text);
}

/** Literal texts and group numbers of an RE2 substitution. @throws LateenError for a bad escape or group */
function substitutionParts(text: string, groups: number, path: string): readonly (string | number)[] {
  const parts: (string | number)[] = [];
  let literal = '';
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]!;
    if (character !== '\\') {
      literal += character;
      continue;
    }
    const next = text[(index += 1)];
    if (next === '\\') {
      literal += next;
    } else if (next !== undefined && next >= '0' && next <= '9') {
      if (Number(next) > groups) throw invalidConfig(path, `names group ${next}, the pattern has ${groups}`);
      parts.push(literal, Number(next));
      literal = '';
    } else {
      throw invalidConfig(path, `invalid escape "\\${next ?? ''}": only \\0 to \\9 and \\\\ exist`);
    }
  }
  parts.push(literal);
  return parts;
}

/**
 * Replaces every match in a text, as Envoy's `RegexMatchAndSubstitute`: `\0` is the match, `\1` to `\9` its groups.
 * @throws LateenError naming `path`
 */
export function compileSubstitution(
  rewrite: envoy_type_matcher_v3_RegexMatchAndSubstitute,
  path: string,
): (text: string) => string {
  if (!rewrite.pattern) throw invalidConfig(`${path}.pattern`, 'is required');
  const program = compilePattern(rewrite.pattern.regex ?? '', `${path}.pattern.regex`);
  const parts = substitutionParts(rewrite.substitution ?? '', program.groupCount(), `${path}.substitution`);
  const replace = (...groups: readonly unknown[]): string => {
    let out = '';
    for (const part of parts) {
      if (typeof part === 'string') out += part;
      else if (typeof groups[part] === 'string') out += groups[part];
    }
    return out;
  };
  return (text) => program.matcher(text).replaceAll(replace);
}
