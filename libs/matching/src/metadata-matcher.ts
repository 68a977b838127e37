import type {
  envoy_type_matcher_v3_MetadataMatcher,
  envoy_type_matcher_v3_ValueMatcher,
} from '@lateen/protos';
import { invalidConfig } from './invalid.ts';
import { compileStringMatcher } from './string-matcher.ts';

/** Does a JSON value match? `undefined` stands for an absent one. */
export type ValueMatcher = (value: unknown) => boolean;

/** Compiles `envoy.type.matcher.v3.ValueMatcher`. @throws LateenError LTN_CONFIG_INVALID naming `path` */
export function compileValueMatcher(matcher: envoy_type_matcher_v3_ValueMatcher, path: string): ValueMatcher {
  if (matcher.nullMatch) return (value) => value === null;
  if (matcher.stringMatch) {
    const matches = compileStringMatcher(matcher.stringMatch, `${path}.string_match`);
    return (value) => typeof value === 'string' && matches(value);
  }
  if (matcher.boolMatch !== undefined) return (value) => value === matcher.boolMatch;
  if (matcher.presentMatch !== undefined) return (value) => (value !== undefined) === matcher.presentMatch;
  if (matcher.doubleMatch) {
    const { exact, range } = matcher.doubleMatch;
    if (exact !== undefined) return (value) => value === exact;
    const { start = 0, end = 0 } = range ?? {};
    return (value) => typeof value === 'number' && value >= start && value < end;
  }
  if (matcher.listMatch) {
    if (!matcher.listMatch.oneOf) throw invalidConfig(`${path}.list_match`, 'names no match pattern');
    const matches = compileValueMatcher(matcher.listMatch.oneOf, `${path}.list_match.one_of`);
    return (value) => Array.isArray(value) && value.some(matches);
  }
  if (matcher.orMatch) {
    const any = (matcher.orMatch.valueMatchers ?? []).map((part, index) =>
      compileValueMatcher(part, `${path}.or_match.value_matchers[${index}]`),
    );
    return (value) => any.some((matches) => matches(value));
  }
  throw invalidConfig(path, 'names no match pattern');
}

/**
 * Compiles `envoy.type.matcher.v3.MetadataMatcher` to a function of "dynamic metadata of a filter". A path through
 * something that is no object ends in an absent value.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compileMetadataMatcher(
  matcher: envoy_type_matcher_v3_MetadataMatcher,
  path: string,
): (metadata: (filter: string) => unknown) => boolean {
  const filter = matcher.filter ?? '';
  if (filter === '') throw invalidConfig(`${path}.filter`, 'must not be empty');
  const keys = (matcher.path ?? []).map((segment) => segment.key ?? '');
  if (keys.length === 0) throw invalidConfig(`${path}.path`, 'must not be empty');
  if (!matcher.value) throw invalidConfig(`${path}.value`, 'is required');
  const matches = compileValueMatcher(matcher.value, `${path}.value`);
  const invert = matcher.invert ?? false;
  return (metadata) => {
    let value = metadata(filter);
    for (const key of keys) {
      const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
      value = inside ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
    }
    return matches(value) !== invert;
  };
}
