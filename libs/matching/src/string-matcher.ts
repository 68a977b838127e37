import type { envoy_type_matcher_v3_StringMatcher } from '@lateen/protos';
import { invalidConfig } from './invalid.ts';
import { compileRegex } from './regex.ts';

/** Does a text match? */
export type TextMatcher = (text: string) => boolean;

/** The kinds of text match that `StringMatcher` and the old fields of `HeaderMatcher` share. */
export interface TextPattern {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains';
  readonly text: string;
  readonly ignoreCase: boolean;
}

/** Compiles a literal pattern. */
export function compileText(pattern: TextPattern): TextMatcher {
  const { kind, text, ignoreCase } = pattern;
  if (ignoreCase) {
    const inner = compileText({ kind, text: text.toLowerCase(), ignoreCase: false });
    return (value) => inner(value.toLowerCase());
  }
  if (kind === 'exact') return (value) => value === text;
  if (kind === 'prefix') return (value) => value.startsWith(text);
  if (kind === 'suffix') return (value) => value.endsWith(text);
  return (value) => value.includes(text);
}

/**
 * Compiles `envoy.type.matcher.v3.StringMatcher`. `ignore_case` has no effect on `safe_regex`, as in Envoy.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compileStringMatcher(
  matcher: envoy_type_matcher_v3_StringMatcher,
  path: string,
): TextMatcher {
  const ignoreCase = matcher.ignoreCase ?? false;
  if (matcher.exact !== undefined) return compileText({ kind: 'exact', text: matcher.exact, ignoreCase });
  if (matcher.safeRegex) return compileRegex(matcher.safeRegex, `${path}.safe_regex`);
  for (const kind of ['prefix', 'suffix', 'contains'] as const) {
    const text = matcher[kind];
    if (text === undefined) continue;
    if (text === '') throw invalidConfig(`${path}.${kind}`, 'must not be empty');
    return compileText({ kind, text, ignoreCase });
  }
  if (matcher.custom) throw invalidConfig(`${path}.custom`, 'is not supported');
  throw invalidConfig(path, 'names no match pattern');
}
