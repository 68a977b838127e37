import type { MetricsRegistry } from '@lateen/runtime';
import { xdsTypes } from '@lateen/xds';

const convergenceBuckets = [0.1, 0.5, 1, 3, 5, 10, 20, 30];

const shortNames = new Map<string, string>([
  [xdsTypes.cluster, 'cds'],
  [xdsTypes.endpoint, 'eds'],
  [xdsTypes.listener, 'lds'],
  [xdsTypes.route, 'rds'],
  [xdsTypes.secret, 'sds'],
]);

/** Istio's short name of a resource type, `cds` for clusters; the message's name for others. */
export function shortType(typeUrl: string): string {
  return shortNames.get(typeUrl) ?? typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

/** Pilot's metrics under Istio's names. */
export function createDiscoveryMetrics(registry: MetricsRegistry) {
  const types = new Set(shortNames.values());
  // Type URLs come from clients: what nobody serves is counted together.
  const label = (typeUrl: string): { type: string } => {
    const type = shortType(typeUrl);
    return { type: types.has(type) ? type : 'other' };
  };
  return {
    connections: registry.gauge('pilot_xds', 'Connected proxies.'),
    services: registry.gauge('pilot_services', 'Services known to pilot.'),
    updates: registry.counter('pilot_inbound_updates', 'Config snapshots received.', { type: 'config' }),
    problems: registry.gauge('pilot_compile_problems', 'Objects of which a proxy misses something.'),
    convergence: registry.histogram(
      'pilot_proxy_convergence_time',
      'Seconds from a change to a proxy that acknowledged it.',
      convergenceBuckets,
    ),
    pushTime: registry.histogram('pilot_xds_push_time', 'Seconds to compile one proxy.', convergenceBuckets),
    refusedClaims: registry.counter('pilot_xds_refused_claims', 'Proxies that claimed what they are not.'),
    timeouts: registry.counter('pilot_xds_write_timeout', 'Push steps that a proxy did not answer in time.'),
    pushes: (typeUrl: string) => registry.counter('pilot_xds_pushes', 'Responses sent.', label(typeUrl)),
    rejects: (typeUrl: string) =>
      registry.counter('pilot_total_xds_rejects', 'Responses that proxies refused.', label(typeUrl)),
  };
}

/** Metrics of discovery, bound once. */
export type DiscoveryMetrics = ReturnType<typeof createDiscoveryMetrics>;
