import type { envoy_type_matcher_v3_StringMatcher as StringMatcher } from '@lateen/protos';

/** Text of which nothing is special in a regular expression. */
export function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Matcher of a policy's value: `*` any that is there, `x*` a prefix, `*x` a suffix, else the value itself. */
export function valueMatcher(value: string, options: { ignoreCase?: boolean } = {}): StringMatcher {
  const ignoreCase = options.ignoreCase ? { ignoreCase: true } : {};
  if (value === '*') return { safeRegex: { regex: '.+' } };
  if (value.endsWith('*')) return { prefix: value.slice(0, -1), ...ignoreCase };
  if (value.startsWith('*')) return { suffix: value.slice(1), ...ignoreCase };
  return { exact: value, ...ignoreCase };
}
