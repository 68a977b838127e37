import {
  enumOf,
  type envoy_extensions_common_dynamic_forward_proxy_v3_DnsCacheConfig as DnsCache,
} from '@lateen/protos';
import type { Service } from '../model/service.ts';

const families = enumOf('envoy.config.cluster.v3.Cluster.DnsLookupFamily');

/** DNS cache of hosts that no service has; filter and cluster find each other by it and must say the same. */
export const anyHostCache: DnsCache = { name: 'lateen_forward_proxy', dnsLookupFamily: families.V4_ONLY };

/** DNS cache of a service whose hosts are resolved per request. */
export function serviceCache(service: Service): DnsCache {
  return { name: `${service.host}_dfp_dns_cache`, dnsLookupFamily: families.V4_ONLY };
}

/** DNS caches of the services that HTTP requests to a port (absent: any) may be resolved for. */
export function serviceCaches(services: Iterable<Service>, port?: number): DnsCache[] {
  return [...services]
    .filter(
      ({ resolution, ports }) =>
        resolution === 'dynamic-dns' && (port === undefined || ports.some(({ number }) => number === port)),
    )
    .map(serviceCache);
}
