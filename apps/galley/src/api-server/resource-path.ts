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
  /** What of the object is meant, when not all of it. */
  readonly subresource: 'status' | undefined;
}

/**
 * Reads `/apis/GROUP/VERSION/[namespaces/NS/]PLURAL[/NAME[/status]]` or `/api/VERSION/…`. `undefined` for other paths, for
 * other subresources and for broken percent-encoding. `/api/v1/namespaces/NAME` is the namespace object itself.
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
  const ofNamespace = rest[0] === 'namespaces' && rest.length === 3 && rest[2] === 'status';
  if (rest[0] === 'namespaces' && rest.length > 2 && !ofNamespace) {
    const [, namespace, plural, name, ...more] = rest;
    return withSubresource({ group, version, namespace, plural: plural!, name }, more);
  }
  const [plural, name, ...more] = rest;
  if (plural === undefined) return undefined;
  return withSubresource({ group, version, namespace: undefined, plural, name }, more);
}

function withSubresource(
  path: Omit<ResourcePath, 'subresource'>,
  more: readonly string[],
): ResourcePath | undefined {
  if (more.length === 0) return { ...path, subresource: undefined };
  return more.length === 1 && more[0] === 'status' ? { ...path, subresource: 'status' } : undefined;
}
