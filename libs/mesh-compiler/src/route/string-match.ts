import type {
  envoy_config_route_v3_HeaderMatcher as HeaderMatcher,
  envoy_type_matcher_v3_StringMatcher as StringMatcher,
  istio_networking_v1alpha3_StringMatch as StringMatch,
} from '@lateen/protos';

/** Envoy's matcher of a StringMatch; `undefined` when it says nothing (presence). */
export function stringMatcher(match: StringMatch): StringMatcher | undefined {
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.prefix !== undefined) return { prefix: match.prefix };
  if (match.regex !== undefined) return { safeRegex: { regex: match.regex } };
  return undefined;
}

/** Matcher that a header is so, or is there at all when the match says nothing. */
export function headerMatcher(name: string, match: StringMatch): HeaderMatcher {
  const value = stringMatcher(match);
  return value ? { name, stringMatch: value } : { name, presentMatch: true };
}

/** Matcher that a header is not so; an absent header fulfils it. */
export function withoutHeaderMatcher(name: string, match: StringMatch): HeaderMatcher {
  const value = stringMatcher(match);
  return value
    ? { name, stringMatch: value, invertMatch: true, treatMissingHeaderAsEmpty: true }
    : { name, presentMatch: true, invertMatch: true };
}
