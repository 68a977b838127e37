import type { envoy_type_matcher_v3_PathMatcher } from '@lateen/protos';
import { invalidConfig } from './invalid.ts';
import { compileStringMatcher, type TextMatcher } from './string-matcher.ts';

/** A request target up to its query and fragment. */
export function pathWithoutQuery(target: string): string {
  for (let index = 0; index < target.length; index += 1) {
    const code = target.charCodeAt(index);
    if (code === 63 || code === 35) return target.slice(0, index);
  }
  return target;
}

/** Compiles `envoy.type.matcher.v3.PathMatcher`; query and fragment are left out. @throws LateenError naming `path` */
export function compilePathMatcher(matcher: envoy_type_matcher_v3_PathMatcher, path: string): TextMatcher {
  if (!matcher.path) throw invalidConfig(`${path}.path`, 'is required');
  const matches = compileStringMatcher(matcher.path, `${path}.path`);
  return (target) => matches(pathWithoutQuery(target));
}
