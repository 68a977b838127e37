import { compileSubstitution, invalidConfig, pathWithoutQuery } from '@lateen/matching';
import type { envoy_type_matcher_v3_RegexMatchAndSubstitute } from '@lateen/protos';
import type { RouteMatcher } from './route-match.ts';

/** Path fields that route actions and redirects share. */
export interface PathRewriteFields {
  readonly prefixRewrite?: string | undefined;
  readonly regexRewrite?: envoy_type_matcher_v3_RegexMatchAndSubstitute | undefined;
}

/**
 * Compiles `prefix_rewrite` or `regex_rewrite` to a function of the path with its query. `undefined`: no rewrite.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compilePathRewrite(
  fields: PathRewriteFields,
  matcher: RouteMatcher,
  path: string,
): ((target: string) => string) | undefined {
  const prefix = fields.prefixRewrite ?? '';
  if (prefix !== '' && fields.regexRewrite) {
    throw invalidConfig(path, 'prefix_rewrite and regex_rewrite exclude each other');
  }
  if (prefix !== '') return (target) => prefix + target.slice(matcher.matchedLength(target));
  if (!fields.regexRewrite) return undefined;
  const substitute = compileSubstitution(fields.regexRewrite, `${path}.regex_rewrite`);
  return (target) => {
    const bare = pathWithoutQuery(target);
    return substitute(bare) + target.slice(bare.length);
  };
}
