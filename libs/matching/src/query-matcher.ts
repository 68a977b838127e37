import type { envoy_config_route_v3_QueryParameterMatcher } from '@lateen/protos';
import { invalidConfig } from './invalid.ts';
import { compileStringMatcher } from './string-matcher.ts';

/** Value of a query parameter's first occurrence, as it stands on the wire (not percent-decoded, as in Envoy). */
export function queryParameter(pathWithQuery: string, name: string): string | undefined {
  const start = pathWithQuery.indexOf('?');
  if (start < 0) return undefined;
  const hash = pathWithQuery.indexOf('#', start);
  const query = pathWithQuery.slice(start + 1, hash < 0 ? undefined : hash);
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    if ((equals < 0 ? part : part.slice(0, equals)) === name) return equals < 0 ? '' : part.slice(equals + 1);
  }
  return undefined;
}

/**
 * Compiles `envoy.config.route.v3.QueryParameterMatcher` to a function of the path with its query.
 * @throws LateenError LTN_CONFIG_INVALID naming `path`
 */
export function compileQueryMatcher(
  matcher: envoy_config_route_v3_QueryParameterMatcher,
  path: string,
): (pathWithQuery: string) => boolean {
  const name = matcher.name ?? '';
  if (name === '') throw invalidConfig(`${path}.name`, 'must not be empty');
  if (matcher.stringMatch) {
    const matches = compileStringMatcher(matcher.stringMatch, `${path}.string_match`);
    return (target) => {
      const value = queryParameter(target, name);
      return value !== undefined && matches(value);
    };
  }
  const wanted = matcher.presentMatch ?? true;
  return (target) => (queryParameter(target, name) !== undefined) === wanted;
}
