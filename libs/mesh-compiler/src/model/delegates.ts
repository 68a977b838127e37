import type {
  istio_networking_v1alpha3_HTTPMatchRequest as HttpMatch,
  istio_networking_v1alpha3_HTTPRoute as HttpRoute,
  istio_networking_v1alpha3_StringMatch as StringMatch,
} from '@lateen/protos';

/** Finds the routes of a delegate; `undefined`: there is no VirtualService of that name, or it has hosts of its own. */
export type DelegateLookup = (name: string, namespace: string) => readonly HttpRoute[] | undefined;

/** Is everything that `leaf` takes also taken by `root`? Regular expressions can't be compared. */
function narrows(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (!root || !leaf) return true;
  if (root.regex !== undefined || leaf.regex !== undefined) return false;
  if (root.exact !== undefined) return leaf.exact === root.exact;
  if (root.prefix !== undefined) return (leaf.exact ?? leaf.prefix ?? '').startsWith(root.prefix);
  return true;
}

type Matches = { readonly [key: string]: StringMatch } | undefined;

function mapsNarrow(root: Matches, leaf: Matches): boolean {
  return Object.keys(root ?? {}).every((key) =>
    narrows(root?.[key], Object.hasOwn(leaf ?? {}, key) ? leaf?.[key] : undefined),
  );
}

function joined(root: Matches, leaf: Matches): Matches {
  return Object.fromEntries([...Object.entries(root ?? {}), ...Object.entries(leaf ?? {})]);
}

function agrees<T>(root: T | undefined, leaf: T | undefined): boolean {
  return !root || !leaf || root === leaf;
}

/** Match that holds where both hold; `undefined` when the leaf is not inside the root. */
function bothMatch(root: HttpMatch, leaf: HttpMatch): HttpMatch | undefined {
  const inside =
    narrows(root.uri, leaf.uri) &&
    narrows(root.scheme, leaf.scheme) &&
    narrows(root.method, leaf.method) &&
    narrows(root.authority, leaf.authority) &&
    mapsNarrow(root.headers, leaf.headers) &&
    mapsNarrow(root.withoutHeaders, leaf.withoutHeaders) &&
    mapsNarrow(root.queryParams, leaf.queryParams) &&
    agrees(root.port, leaf.port) &&
    agrees(root.sourceNamespace, leaf.sourceNamespace) &&
    (!root.uri || !leaf.uri || Boolean(root.ignoreUriCase) === Boolean(leaf.ignoreUriCase));
  if (!inside) return undefined;
  const gateways = leaf.gateways && leaf.gateways.length > 0 ? leaf.gateways : root.gateways;
  return {
    name: root.name && leaf.name ? `${root.name}-${leaf.name}` : leaf.name || root.name,
    uri: leaf.uri ?? root.uri,
    scheme: leaf.scheme ?? root.scheme,
    method: leaf.method ?? root.method,
    authority: leaf.authority ?? root.authority,
    headers: joined(root.headers, leaf.headers),
    withoutHeaders: joined(root.withoutHeaders, leaf.withoutHeaders),
    queryParams: joined(root.queryParams, leaf.queryParams),
    port: leaf.port || root.port,
    sourceNamespace: leaf.sourceNamespace || root.sourceNamespace,
    sourceLabels: { ...root.sourceLabels, ...leaf.sourceLabels },
    ignoreUriCase: Boolean(root.ignoreUriCase) || Boolean(leaf.ignoreUriCase),
    gateways,
    statPrefix: leaf.statPrefix || root.statPrefix,
  };
}

function mergedMatches(root: HttpRoute, leaf: HttpRoute): readonly HttpMatch[] | undefined {
  const roots = root.match ?? [];
  const leaves = leaf.match ?? [];
  if (roots.length === 0) return leaves;
  if (leaves.length === 0) return roots;
  const merged = roots.flatMap((one) =>
    leaves.map((other) => bothMatch(one, other)).filter((match) => match !== undefined),
  );
  return merged.length > 0 ? merged : undefined;
}

function mergedRoute(root: HttpRoute, leaf: HttpRoute): HttpRoute | undefined {
  const match = mergedMatches(root, leaf);
  if (!match) return undefined;
  return {
    name: root.name && leaf.name ? `${root.name}-${leaf.name}` : leaf.name || root.name,
    match,
    route: leaf.route,
    redirect: leaf.redirect,
    directResponse: leaf.directResponse,
    rewrite: leaf.rewrite ?? root.rewrite,
    timeout: leaf.timeout ?? root.timeout,
    retries: leaf.retries ?? root.retries,
    fault: leaf.fault ?? root.fault,
    mirror: leaf.mirror ?? root.mirror,
    mirrors: leaf.mirrors && leaf.mirrors.length > 0 ? leaf.mirrors : root.mirrors,
    mirrorPercent: leaf.mirrorPercent ?? root.mirrorPercent,
    mirrorPercentage: leaf.mirrorPercentage ?? root.mirrorPercentage,
    corsPolicy: leaf.corsPolicy ?? root.corsPolicy,
    headers: leaf.headers ?? root.headers,
  };
}

/**
 * Routes with each delegating one replaced by its delegate's, one level deep: matches joined, settings of the delegate
 * before those of the root. A delegate that is missing, and a delegate's route that reaches outside the root's match,
 * add nothing (istio/pilot/pkg/model/virtualservice.go).
 */
export function withDelegates(
  routes: readonly HttpRoute[],
  namespace: string,
  find: DelegateLookup,
): HttpRoute[] {
  return routes.flatMap((root) => {
    if (!root.delegate) return [root];
    const leaves = find(root.delegate.name ?? '', root.delegate.namespace || namespace) ?? [];
    return leaves.filter(({ delegate }) => !delegate).flatMap((leaf) => mergedRoute(root, leaf) ?? []);
  });
}
