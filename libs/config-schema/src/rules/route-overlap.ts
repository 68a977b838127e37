import type {
  istio_networking_v1alpha3_HTTPMatchRequest,
  istio_networking_v1alpha3_HTTPRoute,
} from '@lateen/protos';
import { encodeMessage } from '../encoder.ts';
import type { Report } from '../report.ts';

/** A match block that a block before it may have made unreachable. */
interface Seen {
  readonly prefix: string;
  readonly path: string;
}

function isOnlyUri(match: istio_networking_v1alpha3_HTTPMatchRequest): boolean {
  return Object.keys(match).every((field) => field === 'uri' || field === 'name');
}

/** A route without match, or with an empty one, takes every request of its hosts. */
function isCatchAll(route: istio_networking_v1alpha3_HTTPRoute): boolean {
  const matches = route.match ?? [];
  return (
    matches.length === 0 || matches.some((match) => Object.keys(match).every((field) => field === 'name'))
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => [key, sorted(child)]);
}

/** The same text for matches that match the same, whatever their names and the order of their fields. */
function fingerprint(match: istio_networking_v1alpha3_HTTPMatchRequest): string {
  const json = encodeMessage('istio.networking.v1alpha3.HTTPMatchRequest', match);
  delete json.name;
  return JSON.stringify(sorted(json));
}

/**
 * Warns of routes that no request reaches: after a catch-all, repeated, or behind a shorter prefix. A lone `/` prefix is
 * left alone, it is how people write a catch-all. Source: Istio analyzeUnreachableHTTPRules.
 */
export function warnOfOverlaps(routes: readonly istio_networking_v1alpha3_HTTPRoute[], report: Report): void {
  let catchAll: string | undefined;
  const repeated = new Map<string, string>();
  const prefixes: Seen[] = [];
  for (const [routeIndex, route] of routes.entries()) {
    const routePath = `spec.http[${routeIndex}]`;
    if (catchAll !== undefined) {
      report.warning(routePath, `no request gets here: ${catchAll} takes every request`);
      continue;
    }
    let duplicates = 0;
    for (const [index, match] of (route.match ?? []).entries()) {
      const path = `${routePath}.match[${index}]`;
      const print = fingerprint(match);
      const earlier = repeated.get(print);
      if (earlier !== undefined) {
        duplicates += 1;
        report.warning(path, `the same match stands at ${earlier}`);
        continue;
      }
      repeated.set(print, path);
      if (match.ignoreUriCase) continue;
      const uri = match.uri?.prefix ?? match.uri?.exact;
      const shadow = uri === undefined ? undefined : prefixes.find((seen) => uri.startsWith(seen.prefix));
      if (shadow)
        report.warning(
          path,
          `no request gets here: ${shadow.path} takes every path that starts with "${shadow.prefix}"`,
        );
      const prefix = match.uri?.prefix;
      if (prefix !== undefined && prefix !== '' && prefix !== '/' && isOnlyUri(match))
        prefixes.push({ prefix, path });
    }
    if (duplicates > 0 && duplicates === route.match?.length)
      report.warning(routePath, 'no request gets here: every match stands in routes before');
    if (isCatchAll(route)) catchAll = routePath;
  }
}
