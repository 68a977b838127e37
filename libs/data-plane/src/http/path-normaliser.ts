/** What to do with `%2F` and `%5C` in a path (`path_with_escaped_slashes_action`). */
export type EscapedSlashes = 'keep' | 'reject' | 'unescape-redirect' | 'unescape-forward';

/** How request paths are made canonical before anything looks at them. */
export interface PathOptions {
  readonly normalize: boolean;
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: EscapedSlashes;
}

/** `path` is the path with query to go on with. */
export type NormalisedPath =
  | { readonly kind: 'same' | 'changed' | 'redirect'; readonly path: string }
  | { readonly kind: 'invalid' };

const invalid: NormalisedPath = { kind: 'invalid' };
const escapedSlash = /%2f|%5c/gi;
const suspicious = /\/\.|\/\/|%|\\/;

/** Unreserved characters lose their escapes, other escapes keep theirs (RFC 3986 6.2.2.2). */
function decodeUnreserved(path: string): string | undefined {
  if (!path.includes('%')) return path;
  let broken = false;
  const decoded = path.replace(/%([0-9a-f]{2})?/gi, (escape, hex: string | undefined) => {
    if (hex === undefined) {
      broken = true;
      return escape;
    }
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    if (character === '\0') broken = true;
    return /[0-9a-z\-._~]/i.test(character) ? character : escape;
  });
  return broken ? undefined : decoded;
}

/** Takes `.` and `..` segments out (RFC 3986 5.2.4), empty segments kept. */
function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const out: string[] = [];
  const segments = path.split('/');
  for (let index = 1; index < segments.length; index += 1) {
    const segment = segments[index]!;
    const last = index === segments.length - 1;
    if (segment === '.' || segment === '..') {
      if (segment === '..') out.pop();
      if (last) out.push('');
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}

/**
 * Path by the manager's rules, in Envoy's order: escaped slashes, dot segments and backslashes, double slashes. The
 * query is left alone. NUL is refused with and without normalisation.
 */
export function normalisePath(target: string, options: PathOptions): NormalisedPath {
  const query = target.indexOf('?');
  const original = query < 0 ? target : target.slice(0, query);
  if (!suspicious.test(original)) return { kind: 'same', path: target };
  let path = original;
  let redirect = false;
  if (path.includes('%00')) return invalid;
  if (options.escapedSlashes !== 'keep') {
    const unescaped = path.replace(escapedSlash, (escape) => (escape.toLowerCase() === '%2f' ? '/' : '\\'));
    if (unescaped !== path) {
      if (options.escapedSlashes === 'reject') return invalid;
      redirect = options.escapedSlashes === 'unescape-redirect';
      path = unescaped;
    }
  }
  if (options.normalize) {
    const decoded = decodeUnreserved(path);
    if (decoded === undefined) return invalid;
    path = removeDotSegments(decoded.replaceAll('\\', '/'));
  }
  if (options.mergeSlashes) path = path.replace(/\/{2,}/g, '/');
  if (path === original) return { kind: 'same', path: target };
  const whole = query < 0 ? path : path + target.slice(query);
  return { kind: redirect ? 'redirect' : 'changed', path: whole };
}
