import { isIP } from 'node:net';
import { invalidConfig, refuseFields } from '@lateen/matching';
import { anyName, durationMs, type envoy_config_cluster_v3_Cluster, unpackAny } from '@lateen/protos';
import { type Clock, type Logger, messageOf } from '@lateen/runtime';
import type { BalancingContext } from './cluster.ts';
import { type DnsResolver, dnsFamily } from './dns.ts';
import { Host } from './host.ts';
import { hostLimit } from './host-discovery.ts';
import type { OwnListeners } from './own-listeners.ts';

/** Finds a host for one connection or request, by what the client dialled. */
export interface DialledHosts {
  find(context: BalancingContext): Host | undefined | Promise<Host | undefined>;
  readonly all: Iterable<Host>;
}

/** What finding dialled hosts needs of the proxy. */
export interface DialledSurroundings {
  readonly resolver: DnsResolver;
  readonly ownListeners: OwnListeners;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Hosts by address, the least recently used forgotten first. */
class HostCache {
  readonly #hosts = new Map<string, Host>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(address: string, port: number, hostname: string): Host {
    const key = `${hostname} ${address} ${port}`;
    let host = this.#hosts.get(key);
    if (host) this.#hosts.delete(key);
    else {
      host = new Host(
        {
          address: { kind: 'socket', host: address, port },
          hostname,
          metadata: undefined,
          weight: 1,
          priority: 0,
          healthy: true,
        },
        0,
      );
    }
    this.#hosts.set(key, host);
    if (this.#hosts.size > this.#limit) this.#hosts.delete(this.#hosts.keys().next().value!);
    return host;
  }

  values(): Iterable<Host> {
    return this.#hosts.values();
  }
}

/** ORIGINAL_DST: the address that the client meant. Never one of our own listeners. */
function originalDestination(
  config: envoy_config_cluster_v3_Cluster,
  surroundings: DialledSurroundings,
): DialledHosts {
  const options = config.originalDstLbConfig;
  if (options)
    refuseFields(options, 'original_dst_lb_config', ['useHttpHeader', 'upstreamPortOverride', 'metadataKey']);
  const cache = new HostCache(hostLimit(undefined));
  return {
    get all() {
      return cache.values();
    },
    find({ destination }) {
      if (!destination || isIP(destination.address) === 0) return undefined;
      const { address, port } = destination;
      if (surroundings.ownListeners.has(address, port)) {
        surroundings.logger.debug(
          { address, port },
          'the original destination is this proxy itself, refused',
        );
        return undefined;
      }
      return cache.get(address, port, '');
    },
  };
}

const forwardProxy = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig';

interface Answer {
  /** Monotonic milliseconds. */
  readonly until: number;
  readonly addresses: Promise<readonly string[]>;
}

/** `host:port` of an authority; `undefined` when it is none. */
export function splitAuthority(
  authority: string,
  defaultPort: number,
): { name: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(authority);
  const name = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  return name === undefined || port === 0 || port > 65_535 ? undefined : { name, port };
}

/** Dynamic forward proxy: the request's own host, resolved through a bounded cache. Never one of our own listeners. */
function requestedHost(
  config: envoy_config_cluster_v3_Cluster,
  surroundings: DialledSurroundings,
): DialledHosts {
  const typed = config.clusterType?.typedConfig;
  if (!typed || anyName(typed) !== forwardProxy) {
    throw invalidConfig('cluster_type', `"${config.clusterType?.name ?? ''}" is not supported`);
  }
  const options = unpackAny(forwardProxy, typed);
  refuseFields(options, 'cluster_type.typed_config', ['subClustersConfig']);
  const dns = options.dnsCacheConfig ?? {};
  refuseFields(dns, 'cluster_type.typed_config.dns_cache_config', [
    'keyValueConfig',
    'useTcpForDnsLookups',
    'dnsResolutionConfig',
  ]);
  const { resolver, ownListeners, clock, logger } = surroundings;
  const family = dnsFamily(dns.dnsLookupFamily);
  const refreshMs = durationMs(dns.dnsRefreshRate) ?? 60_000;
  const limit = hostLimit(dns.maxHosts);
  const hosts = new HostCache(limit);
  const answers = new Map<string, Answer>();
  const defaultPort = config.transportSocket ? 443 : 80;

  const resolve = (name: string): Promise<readonly string[]> => {
    const known = answers.get(name);
    if (known && known.until > clock.monotonic()) return known.addresses;
    const addresses = resolver(name, family);
    addresses.catch(() => answers.delete(name));
    answers.delete(name);
    answers.set(name, { until: clock.monotonic() + refreshMs, addresses });
    if (answers.size > limit) answers.delete(answers.keys().next().value!);
    return addresses;
  };
  const take = (address: string, port: number, name: string): Host | undefined => {
    if (ownListeners.has(address, port)) {
      logger.debug({ name, address, port }, 'the host of the request is this proxy itself, refused');
      return undefined;
    }
    return hosts.get(address, port, name);
  };
  return {
    get all() {
      return hosts.values();
    },
    find({ authority }) {
      const target = authority === undefined ? undefined : splitAuthority(authority, defaultPort);
      if (!target) return undefined;
      const { name, port } = target;
      if (isIP(name) !== 0) return take(name, port, name);
      return resolve(name.toLowerCase()).then(
        (addresses) => take(addresses[0]!, port, name),
        (error: unknown) => {
          logger.debug({ name, reason: messageOf(error) }, 'a host could not be resolved');
          return undefined;
        },
      );
    },
  };
}

/** Hosts of clusters that find one per connection. @throws LateenError LTN_CONFIG_INVALID */
export function createDialledHosts(
  config: envoy_config_cluster_v3_Cluster,
  surroundings: DialledSurroundings,
): DialledHosts {
  return config.clusterType ? requestedHost(config, surroundings) : originalDestination(config, surroundings);
}
