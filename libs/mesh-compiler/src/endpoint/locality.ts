import type { istio_networking_v1alpha3_LocalityLoadBalancerSetting as LocalitySetting } from '@lateen/protos';
import type { Proxy } from '../model/proxy.ts';
import type { Endpoint } from '../model/service.ts';

/** Endpoints of one locality that are used alike. */
export interface LocalityGroup {
  /** `region/zone/subzone`. */
  readonly locality: string;
  readonly endpoints: readonly Endpoint[];
  /** Share among the groups of its priority. */
  readonly weight: number;
  /** 0 is used first; the next when too few of it are healthy. */
  readonly priority: number;
}

/** What decides over localities. */
export interface LocalityPolicy {
  readonly setting: LocalitySetting | undefined;
  /** Endpoints are ejected on failure: without that no failure is seen and nothing fails over. */
  readonly ejects: boolean;
}

const topologyLabels = [
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
] as const;

/** Does `region/zone/*` take a locality? */
export function localityMatches(pattern: string, locality: string): boolean {
  const wanted = pattern.split('/');
  const given = locality.split('/');
  for (const [index, part] of wanted.entries()) {
    if (part === '*') return true;
    if (part !== (given[index] ?? '')) return false;
  }
  return true;
}

/** How far a locality is: 0 the same, 1 another subzone, 2 another zone, 3 another region. */
function distance(own: string, other: string): number {
  const [region = '', zone = '', subzone = ''] = own.split('/');
  const [otherRegion = '', otherZone = '', otherSubzone = ''] = other.split('/');
  if (region !== otherRegion) return 3;
  if (zone !== otherZone) return 2;
  return subzone === otherSubzone ? 0 : 1;
}

function clientLabel(proxy: Proxy, key: string): string | undefined {
  const index = (topologyLabels as readonly string[]).indexOf(key);
  return proxy.labels.get(key) ?? (index < 0 ? undefined : proxy.locality.split('/')[index]);
}

/** Number of labels from the first that differs on; an entry may demand a value itself, as `key=value`. */
function labelDistance(proxy: Proxy, endpoint: Endpoint, labels: readonly string[]): number {
  const first = labels.findIndex((entry) => {
    const [key = '', demanded] = entry.split('=');
    const value = endpoint.labels.get(key);
    return value === undefined || value !== (demanded ?? clientLabel(proxy, key));
  });
  return first < 0 ? 0 : labels.length - first;
}

function groupBy(
  endpoints: readonly Endpoint[],
  priorityOf: (endpoint: Endpoint) => number,
): LocalityGroup[] {
  const groups = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    const key = JSON.stringify([priorityOf(endpoint), endpoint.locality]);
    groups.set(key, [...(groups.get(key) ?? []), endpoint]);
  }
  const all = [...groups.values()].map((members): LocalityGroup => {
    const [first] = members;
    return {
      locality: first?.locality ?? '',
      endpoints: members,
      weight: members.reduce((sum, { weight }) => sum + weight, 0),
      priority: first ? priorityOf(first) : 0,
    };
  });
  // Envoy wants priorities without gaps.
  const used = [...new Set(all.map(({ priority }) => priority))].sort((a, b) => a - b);
  return all
    .map((group) => ({ ...group, priority: used.indexOf(group.priority) }))
    .sort(
      (a, b) => a.priority - b.priority || (a.locality < b.locality ? -1 : a.locality > b.locality ? 1 : 0),
    );
}

function distributed(
  groups: readonly LocalityGroup[],
  to: { readonly [pattern: string]: number },
): LocalityGroup[] {
  const shares = Object.entries(to);
  return groups.flatMap((group) => {
    const share = shares.find(([pattern]) => localityMatches(pattern, group.locality));
    if (!share) return [];
    // Localities that one pattern takes divide its share by their weights.
    const [pattern, percent] = share;
    const sharing = groups.filter(({ locality }) => localityMatches(pattern, locality));
    const total = sharing.reduce((sum, { weight }) => sum + weight, 0);
    return [{ ...group, weight: Math.ceil((percent * group.weight) / total) }];
  });
}

/**
 * Groups endpoints for a client: by share where a `distribute` names the client's locality, else, where failures are
 * seen, the nearest first (istio/pilot/pkg/networking/core/loadbalancer). A client without locality prefers none.
 */
export function localityGroups(
  proxy: Proxy,
  endpoints: readonly Endpoint[],
  policy: LocalityPolicy,
): LocalityGroup[] {
  const flat = groupBy(endpoints, () => 0);
  const { setting } = policy;
  if (proxy.locality === '' || setting?.enabled?.value === false) return flat;
  const shares = setting?.distribute?.find(({ from }) => localityMatches(from ?? '', proxy.locality));
  if (shares) return distributed(flat, shares.to ?? {});
  if (!policy.ejects || (setting?.distribute ?? []).length > 0) return flat;
  const labels = setting?.failoverPriority ?? [];
  if (labels.length > 0) return groupBy(endpoints, (endpoint) => labelDistance(proxy, endpoint, labels));
  const [region = ''] = proxy.locality.split('/');
  const next = setting?.failover?.find(({ from }) => from === region)?.to;
  return groupBy(endpoints, ({ locality }) => {
    const far = distance(proxy.locality, locality);
    const elsewhere = next !== undefined && locality.split('/')[0] !== next;
    return far === 3 && elsewhere ? 4 : far;
  });
}
