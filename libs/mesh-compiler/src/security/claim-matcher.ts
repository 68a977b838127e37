import type {
  envoy_type_matcher_v3_MetadataMatcher as MetadataMatcher,
  envoy_type_matcher_v3_StringMatcher as StringMatcher,
  envoy_type_matcher_v3_ValueMatcher as ValueMatcher,
} from '@lateen/protos';
import { valueMatcher } from './string-value.ts';

/** Filter that keeps a validated token's payload. */
const jwtFilter = 'envoy.filters.http.jwt_authn';
/** Key of the payload in that filter's dynamic metadata. */
export const jwtPayloadKey = 'payload';

function anyOf(matchers: readonly ValueMatcher[]): ValueMatcher {
  const [only] = matchers;
  return matchers.length === 1 && only ? only : { orMatch: { valueMatchers: matchers } };
}

/** Matcher of a claim of the validated token; a claim may be one text or a list that has it. */
export function claimMatcher(claim: readonly string[], values: readonly StringMatcher[]): MetadataMatcher {
  const strings = anyOf(values.map((stringMatch) => ({ stringMatch })));
  return {
    filter: jwtFilter,
    path: [jwtPayloadKey, ...claim].map((key) => ({ key })),
    value: { orMatch: { valueMatchers: [{ listMatch: { oneOf: strings } }, strings] } },
  };
}

/** Matcher of a claim that is one text. */
export function textClaimMatcher(claim: string, value: string): MetadataMatcher {
  return {
    filter: jwtFilter,
    path: [{ key: jwtPayloadKey }, { key: claim }],
    value: { stringMatch: valueMatcher(value) },
  };
}

/** Parts of `[a][b]` or of `.a.b`; a claim whose own name has dots is written in brackets. */
export function claimPath(text: string): string[] {
  if (text.startsWith('.')) return text.slice(1).split('.');
  return [...text.matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? '');
}
