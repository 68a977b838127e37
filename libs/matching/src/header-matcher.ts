import type { envoy_config_route_v3_HeaderMatcher } from '@lateen/protos';
import type { HeaderView } from './header-view.ts';
import { invalidConfig } from './invalid.ts';
import { compileRegex } from './regex.ts';
import { compileStringMatcher, compileText, type TextMatcher } from './string-matcher.ts';

/** Do the headers match? */
export type HeadersMatcher = (headers: HeaderView) => boolean;

function compileValue(matcher: envoy_config_route_v3_HeaderMatcher, path: string): TextMatcher | undefined {
  if (matcher.stringMatch) return compileStringMatcher(matcher.stringMatch, `${path}.string_match`);
  if (matcher.safeRegexMatch) return compileRegex(matcher.safeRegexMatch, `${path}.safe_regex_match`);
  if (matcher.exactMatch !== undefined) {
    return compileText({ kind: 'exact', text: matcher.exactMatch, ignoreCase: false });
  }
  for (const kind of ['prefix', 'suffix', 'contains'] as const) {
    const text = matcher[`${kind}Match`];
    if (text === undefined) continue;
    if (text === '') throw invalidConfig(`${path}.${kind}_match`, 'must not be empty');
    return compileText({ kind, text, ignoreCase: false });
  }
  if (matcher.rangeMatch) {
    const { start = 0, end = 0 } = matcher.rangeMatch;
    return (value) => {
      if (!/^\s*[+-]?\d{1,19}\s*$/.test(value)) return false;
      const number = Number(value);
      return number >= start && number < end;
    };
  }
  return undefined;
}

/**
 * Compiles `envoy.config.route.v3.HeaderMatcher`. A header that is absent matches nothing but an absence rule, with
 * `invert_match` too, unless `treat_missing_header_as_empty` is set (Envoy's rule).
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compileHeaderMatcher(
  matcher: envoy_config_route_v3_HeaderMatcher,
  path: string,
): HeadersMatcher {
  const name = (matcher.name ?? '').toLowerCase();
  if (name === '') throw invalidConfig(`${path}.name`, 'must not be empty');
  const invert = matcher.invertMatch ?? false;
  const missingIsEmpty = matcher.treatMissingHeaderAsEmpty ?? false;
  const matches = compileValue(matcher, path);
  if (!matches) {
    // Without any specifier a header matcher asks for presence.
    const wanted = (matcher.presentMatch ?? true) !== invert;
    return (headers) => (missingIsEmpty || headers.get(name) !== undefined) === wanted;
  }
  return (headers) => {
    const value = headers.get(name) ?? (missingIsEmpty ? '' : undefined);
    return value !== undefined && matches(value) !== invert;
  };
}

/** All of several header matchers. */
export function compileHeaderMatchers(
  matchers: readonly envoy_config_route_v3_HeaderMatcher[],
  path: string,
): HeadersMatcher {
  const compiled = matchers.map((matcher, index) => compileHeaderMatcher(matcher, `${path}[${index}]`));
  if (compiled.length === 1) return compiled[0]!;
  return (headers) => {
    for (const matches of compiled) if (!matches(headers)) return false;
    return true;
  };
}
