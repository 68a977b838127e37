/** The words of a Kubernetes-style resource path. */
export interface ResourcePath {
  /** Empty for the core group, whose paths begin with `/api`. */
  readonly group: string;
  readonly version: string;
  /** `undefined`: cluster scoped, or all namespaces. */
  readonly namespace: string | undefined;
  readonly plural: string;
  /** `undefined` for a collection. */
  readonly name: string | undefined;
}

/**
 * Reads `/apis/GROUP/VERSION/[namespaces/NS/]PLURAL[/NAME]` or `/api/VERSION/…`. `undefined` for other paths, for
 * subresources and for broken percent-encoding. `/api/v1/namespaces/NAME` is the namespace object itself.
 * Source: Kubernetes API conventions, "Resource URIs".
 */
export function parseResourcePath(pathname: string): ResourcePath | undefined {
  let words: string[];
  try {
    words = pathname.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return undefined; // broken percent-encoding names no resource
  }
  if (words.some((word) => word === '')) return undefined;
  const root = words.shift();
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : words.shift();
  const [version, ...rest] = words;
  if (group === undefined || version === undefined) return undefined;
  if (rest[0] === 'namespaces' && rest.length > 2) {
    const [, namespace, plural, name, ...more] = rest;
    return more.length > 0 ? undefined : { group, version, namespace, plural: plural!, name };
  }
  const [plural, name, ...more] = rest;
  if (plural === undefined || more.length > 0) return undefined;
  return { group, version, namespace: undefined, plural, name };
}
