import { invalidConfig, numberOr } from '@lateen/matching';
import {
  durationMs,
  type envoy_config_cluster_v3_Cluster,
  type envoy_config_endpoint_v3_ClusterLoadAssignment,
  enumName,
} from '@lateen/protos';
import { isIP } from 'node:net';
import { type Clock, type Logger, messageOf, type Timer, type Unsubscribe } from '@lateen/runtime';
import { type DnsResolver, dnsFamily } from './dns.ts';
import { type EndpointSpec, readEndpoints } from './endpoints.ts';

/** A load assignment that changes; `undefined` until it came. */
interface EndpointWatch {
  readonly current: envoy_config_endpoint_v3_ClusterLoadAssignment | undefined;
  subscribe(
    listener: (assignment: envoy_config_endpoint_v3_ClusterLoadAssignment | undefined) => void,
  ): Unsubscribe;
}

/** What finding hosts needs of the proxy. */
export interface DiscoverySurroundings {
  readonly endpoints: (serviceName: string) => EndpointWatch;
  readonly resolver: DnsResolver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Finds a cluster's hosts and keeps them up to date. */
export interface HostDiscovery {
  /** EDS name, if hosts come by EDS. */
  readonly edsName: string | undefined;
  /** Time after which the cluster is used without hosts; `undefined`: it waits for ever. Milliseconds. */
  readonly initialFetchTimeoutMs: number | undefined;
  /** Begins; `found` gets the hosts, at once when they are known, and their assignment's overprovisioning factor. */
  start(found: (specs: readonly EndpointSpec[], overprovisioningPercent: number | undefined) => void): void;
  stop(): void;
}

type Config = envoy_config_cluster_v3_Cluster;

function localityWeighted(config: Config): boolean {
  return config.commonLbConfig?.localityWeightedLbConfig !== undefined;
}

function overprovisioning(assignment: Config['loadAssignment']): number | undefined {
  const factor = assignment?.policy?.overprovisioningFactor;
  return factor && (factor.value ?? 140);
}

function requireAddresses(specs: readonly EndpointSpec[]): readonly EndpointSpec[] {
  for (const { address } of specs) {
    if (address.kind === 'socket' && isIP(address.host) === 0) {
      throw invalidConfig(
        'load_assignment',
        `"${address.host}" is no IP address; names need STRICT_DNS or LOGICAL_DNS`,
      );
    }
  }
  return specs;
}

function staticHosts(config: Config): HostDiscovery {
  const options = { localityWeighted: localityWeighted(config) };
  const specs = requireAddresses(readEndpoints(config.loadAssignment ?? {}, 'load_assignment', options));
  return {
    edsName: undefined,
    initialFetchTimeoutMs: undefined,
    start: (found) => found(specs, overprovisioning(config.loadAssignment)),
    stop() {},
  };
}

function edsHosts(config: Config, surroundings: DiscoverySurroundings): HostDiscovery {
  const source = config.edsClusterConfig?.edsConfig;
  if (!source?.ads) throw invalidConfig('eds_cluster_config.eds_config', 'only ads is supported');
  const name = config.edsClusterConfig?.serviceName || (config.name ?? '');
  const options = { localityWeighted: localityWeighted(config) };
  let stop: Unsubscribe = () => {};
  return {
    edsName: name,
    initialFetchTimeoutMs: source.initialFetchTimeout
      ? durationMs(source.initialFetchTimeout) || undefined
      : 15_000,
    start(found) {
      stop = surroundings.endpoints(name).subscribe((assignment) => {
        // The endpoint store took only assignments that read well.
        if (assignment) found(readEndpoints(assignment, 'endpoints', options), overprovisioning(assignment));
      });
    },
    stop: () => stop(),
  };
}

/** Shortest time between two look-ups of a name that failed. Milliseconds. */
const failureRefreshMs = 1000;

function dnsHosts(config: Config, surroundings: DiscoverySurroundings, logical: boolean): HostDiscovery {
  const { resolver, clock, logger } = surroundings;
  const specs = readEndpoints(config.loadAssignment ?? {}, 'load_assignment', {
    localityWeighted: localityWeighted(config),
  });
  if (logical && specs.length !== 1)
    throw invalidConfig('load_assignment', 'LOGICAL_DNS takes exactly one endpoint');
  for (const { address } of specs) {
    if (address.kind !== 'socket')
      throw invalidConfig('load_assignment', 'only socket addresses can be resolved');
  }
  const family = dnsFamily(config.dnsLookupFamily);
  const refreshMs = Math.max(durationMs(config.dnsRefreshRate) ?? 5000, 100);
  let timer: Timer | undefined;
  let stopped = false;
  const lastGood = new Map<EndpointSpec, readonly EndpointSpec[]>();

  const resolve = async (spec: EndpointSpec): Promise<readonly EndpointSpec[]> => {
    if (spec.address.kind !== 'socket' || isIP(spec.address.host) !== 0) return [spec];
    const { host, port } = spec.address;
    const hostname = spec.hostname || host;
    const addresses = await resolver(host, family);
    const taken = logical ? addresses.slice(0, 1) : addresses;
    return taken.map((address) => ({ ...spec, hostname, address: { kind: 'socket', host: address, port } }));
  };
  const round = async (found: Parameters<HostDiscovery['start']>[0]): Promise<void> => {
    let failed = false;
    const groups = await Promise.all(
      specs.map(async (spec) => {
        try {
          const resolved = await resolve(spec);
          lastGood.set(spec, resolved);
          return resolved;
        } catch (error) {
          failed = true;
          logger.debug({ cluster: config.name, reason: messageOf(error) }, 'a name could not be resolved');
          return lastGood.get(spec) ?? [];
        }
      }),
    );
    if (stopped) return;
    found(groups.flat(), overprovisioning(config.loadAssignment));
    timer = clock.after(failed ? Math.min(failureRefreshMs, refreshMs) : refreshMs, () => void round(found));
  };
  return {
    edsName: undefined,
    initialFetchTimeoutMs: undefined,
    start: (found) => void round(found),
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

/** Discovery by `Cluster.type`; `undefined` for clusters that find a host per request. @throws LateenError */
export function createHostDiscovery(
  config: Config,
  surroundings: DiscoverySurroundings,
): HostDiscovery | undefined {
  if (config.clusterType) return undefined;
  const type = enumName('envoy.config.cluster.v3.Cluster.DiscoveryType', config.type ?? 0);
  switch (type) {
    case 'STATIC':
      return staticHosts(config);
    case 'EDS':
      return edsHosts(config, surroundings);
    case 'STRICT_DNS':
      return dnsHosts(config, surroundings, false);
    case 'LOGICAL_DNS':
      return dnsHosts(config, surroundings, true);
    case 'ORIGINAL_DST':
      return undefined;
    default:
      throw invalidConfig('type', `${type} is not supported`);
  }
}

/** Most hosts that a cluster which finds them by itself keeps. */
export function hostLimit(value: { readonly value?: number | undefined } | undefined): number {
  return numberOr(value, 1024);
}
