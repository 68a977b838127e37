import type {
  envoy_config_route_v3_Route as Route,
  envoy_config_route_v3_RouteConfiguration as RouteConfiguration,
} from '@lateen/protos';

interface Wanted {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** How a rule's path differs by little from the request's. */
function pathDifference({ match }: Route, path: string): string | undefined {
  const prefix = match?.prefix ?? match?.pathSeparatedPrefix;
  const lower = path.toLowerCase();
  if (prefix !== undefined && !path.startsWith(prefix) && lower.startsWith(prefix.toLowerCase()))
    return `path prefix ${prefix} differs in case`;
  const exact = match?.path;
  if (exact === undefined || exact === path) return undefined;
  if (exact.toLowerCase() === lower) return `path ${exact} differs in case`;
  if (exact === `${path}/` || `${exact}/` === path) return `path ${exact} differs in the last slash`;
  return undefined;
}

/** Edits (insertion, removal, change of a character) that make one text the other; at most `limit` + 1. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function nearestHost(routes: RouteConfiguration, wanted: Wanted): string | undefined {
  const domains = (routes.virtualHosts ?? []).flatMap(({ domains: own }) => own ?? []);
  const host = wanted.host.toLowerCase();
  const others = domains.filter((domain) => domain.startsWith(`${host}:`));
  if (others.length > 0)
    return `host ${wanted.host} is known on port ${others.map((domain) => domain.split(':').at(-1)).join(', ')}`;
  const close = domains
    .map((domain) => domain.replace(/:\d+$/, ''))
    .map((domain) => ({ domain, edits: distance(domain, host, 2) }))
    .filter(({ edits }) => edits > 0 && edits <= 2)
    .sort((a, b) => a.edits - b.edits)[0];
  return close ? `no host ${wanted.host}, but there is ${close.domain}` : undefined;
}

/** In a few words what came closest to taking the request; `undefined`: nothing did. */
export function nearestMiss(
  routes: RouteConfiguration | undefined,
  virtualHost: string | undefined,
  wanted: Wanted,
): string | undefined {
  if (!routes) return undefined;
  const host = (routes.virtualHosts ?? []).find(({ name }) => name === virtualHost);
  if (!host || virtualHost === 'allow_any' || virtualHost === 'block_all') return nearestHost(routes, wanted);
  const path = wanted.path.split('?')[0] ?? '';
  for (const route of host.routes ?? []) {
    const difference = pathDifference(route, path);
    if (difference) return `host matches, but ${difference}`;
  }
  return undefined;
}
