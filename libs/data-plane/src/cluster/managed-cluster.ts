import { invalidConfig, numberOr, refuseFields } from '@lateen/matching';
import { durationMs, type envoy_config_cluster_v3_Cluster, unpackAny } from '@lateen/protos';
import {
  type Clock,
  type Logger,
  type MetricsRegistry,
  type Random,
  type Timer,
  type Unsubscribe,
  WatchValue,
} from '@lateen/runtime';
import type { InternalListeners } from '../listener/internal-listeners.ts';
import { createLoadBalancer, type LoadBalancer } from '../load-balancer/load-balancer.ts';
import { type WarmingItem, warm } from '../resources/warming.ts';
import { warmingTls } from '../tls/warming-tls.ts';
import type { TlsSurroundings } from '../tls/tls-material.ts';
import { compileUpstreamTransports, type UpstreamTransports } from '../tls/transport-socket.ts';
import { createCircuitBreakers } from './circuit-breakers.ts';
import {
  type BalancingContext,
  type CircuitBreakers,
  ConnectFailure,
  type HostOutcome,
  type UpstreamCluster,
  type UpstreamConnection,
  type UpstreamHost,
} from './cluster.ts';
import { connectHost, type ConnectorOptions, readConnectorOptions } from './connector.ts';
import { createDialledHosts, type DialledHosts, type DialledSurroundings } from './dialled-hosts.ts';
import { Host, HostSet, type HostTier } from './host.ts';
import { createHostDiscovery, type DiscoverySurroundings, type HostDiscovery } from './host-discovery.ts';
import { createOutlierDetector, type OutlierDetector } from './outlier-detection.ts';
import { readSlowStart, type SlowStart } from './slow-start.ts';

/** What clusters need of the proxy. */
export interface ClusterSurroundings extends DiscoverySurroundings, DialledSurroundings, TlsSurroundings {
  readonly internalListeners: InternalListeners;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

function refuseUnsupported(config: envoy_config_cluster_v3_Cluster): void {
  refuseFields(config, '', [
    'healthChecks',
    'lbSubsetConfig',
    'loadBalancingPolicy',
    'filters',
    'lrsServer',
    'upstreamConfig',
    'connectionPoolPerDownstreamConnection',
    'closeConnectionsOnHostHealthFailure',
    'preconnectPolicy',
    'dnsResolvers',
    'useTcpForDnsLookups',
  ]);
  for (const key of Object.keys(config.typedExtensionProtocolOptions ?? {})) {
    if (key !== httpOptions)
      throw invalidConfig(`typed_extension_protocol_options["${key}"]`, 'is not supported');
  }
}

/** A cluster with its life: warming, hosts, balancing, connections, end. */
export class ManagedCluster implements UpstreamCluster {
  readonly name: string;
  readonly config: envoy_config_cluster_v3_Cluster;
  readonly connectTimeoutMs: number;
  readonly breakers: CircuitBreakers;
  readonly idleTimeoutMs: number | undefined;
  readonly maxRequestsPerConnection: number;
  /** True once hosts (or the initial fetch timeout) and secrets came. */
  readonly ready = new WatchValue(false);
  readonly edsName: string | undefined;
  readonly transports: UpstreamTransports;
  readonly #hosts: HostSet;
  readonly #discovery: HostDiscovery | undefined;
  readonly #dialled: DialledHosts | undefined;
  /** One a priority: a balancer keeps what it knows of its own hosts. */
  readonly #balancers = new Map<number, LoadBalancer>();
  readonly #slowStart: SlowStart | undefined;
  #warmUp: Timer | undefined;
  readonly #outliers: OutlierDetector | undefined;
  readonly #connector: ConnectorOptions;
  readonly #surroundings: ClusterSurroundings;
  readonly #closed = new AbortController();
  readonly #autoSni: boolean;
  readonly #autoSan: boolean;
  readonly #stops: Unsubscribe[] = [];
  readonly #counters: ReturnType<typeof clusterCounters>;
  readonly #hostsKnown = new WatchValue(false);

  /** @throws LateenError LTN_CONFIG_INVALID naming the field that can't be used */
  constructor(config: envoy_config_cluster_v3_Cluster, surroundings: ClusterSurroundings) {
    refuseUnsupported(config);
    this.name = config.name ?? '';
    if (this.name === '') throw invalidConfig('name', 'must not be empty');
    this.config = config;
    this.#surroundings = surroundings;
    this.connectTimeoutMs = durationMs(config.connectTimeout) ?? 5000;
    this.breakers = createCircuitBreakers(config);
    const typed = config.typedExtensionProtocolOptions?.[httpOptions];
    const http = typed && unpackAny(httpOptions, typed);
    if (http?.httpFilters?.length)
      throw invalidConfig('typed_extension_protocol_options.http_filters', 'is not supported');
    const common = http?.commonHttpProtocolOptions ?? config.commonHttpProtocolOptions;
    this.idleTimeoutMs = common?.idleTimeout ? durationMs(common.idleTimeout) || undefined : 3_600_000;
    this.maxRequestsPerConnection =
      numberOr(common?.maxRequestsPerConnection, undefined) ?? numberOr(config.maxRequestsPerConnection, 0);
    const upstream = http?.upstreamHttpProtocolOptions ?? config.upstreamHttpProtocolOptions;
    this.#autoSni = upstream?.autoSni ?? false;
    this.#autoSan = upstream?.autoSanValidation ?? false;
    this.#connector = readConnectorOptions(config);
    this.#balancerOf(0);
    this.#slowStart = readSlowStart(config);
    this.#hosts = new HostSet({
      panicPercent:
        config.commonLbConfig?.healthyPanicThreshold?.value ??
        (config.commonLbConfig?.healthyPanicThreshold ? 0 : 50),
      slowStart: this.#slowStart,
      now: () => surroundings.clock.monotonic(),
    });
    this.#discovery = createHostDiscovery(config, surroundings);
    this.#dialled = this.#discovery ? undefined : createDialledHosts(config, surroundings);
    this.edsName = this.#discovery?.edsName;
    this.#counters = clusterCounters(surroundings.metrics, this.name);
    this.#outliers = config.outlierDetection
      ? createOutlierDetector(config.outlierDetection, {
          ...surroundings,
          hosts: this.#hosts,
          onChange: (host) => this.#ejectionChanged(host),
        })
      : undefined;
    this.transports = compileUpstreamTransports(
      config.transportSocket,
      config.transportSocketMatches ?? [],
      surroundings,
    );
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get hosts(): Iterable<Host> {
    return this.#dialled?.all ?? this.#hosts.all;
  }

  /** Begins to warm. */
  start(): void {
    const discovery = this.#discovery;
    if (discovery) {
      discovery.start((specs, overprovisioningPercent) => {
        this.#hosts.update(specs, overprovisioningPercent);
        this.#keepWarmingUp();
        this.#counters.membership.set(this.#hosts.all.length);
        this.#counters.healthy.set(this.#hosts.all.filter((host) => host.available).length);
        if (!this.#hostsKnown.current) this.#hostsKnown.set(true);
      });
    }
    const hosts: WarmingItem = {
      ready: () => !discovery || this.#hostsKnown.current,
      subscribe: (listener) => this.#hostsKnown.subscribe(listener),
      timeoutMs: discovery?.initialFetchTimeoutMs,
    };
    const secrets = this.transports.all.map((tls) => warmingTls(tls));
    this.#stops.push(warm([hosts, ...secrets], this.#surroundings.clock, () => this.ready.set(true)));
  }

  /** Ends the cluster: connections finish what they carry. */
  dispose(): void {
    this.#discovery?.stop();
    this.#outliers?.stop();
    this.#warmUp?.cancel();
    for (const stop of this.#stops) stop();
    for (const tls of this.transports.all) tls.dispose();
    this.#closed.abort();
  }

  chooseHost(context: BalancingContext): UpstreamHost | undefined | Promise<UpstreamHost | undefined> {
    if (this.#dialled) return this.#dialled.find(context);
    const tier = this.#tier(context.hash);
    if (!tier) return undefined;
    const usable = tier.hosts;
    const { avoid } = context;
    const picked = this.#balancerOf(tier.priority).pick(usable, context);
    if (!avoid?.has(picked)) return picked;
    // The balancer's own order goes on undisturbed: the retry takes any host that was not tried.
    const fresh = usable.filter((host) => !avoid.has(host));
    return fresh[Math.floor(this.#surroundings.random() * fresh.length)] ?? picked;
  }

  #balancerOf(priority: number): LoadBalancer {
    let balancer = this.#balancers.get(priority);
    if (!balancer) {
      balancer = createLoadBalancer(this.config, this.#surroundings.random);
      this.#balancers.set(priority, balancer);
    }
    return balancer;
  }

  /** The priority that serves a request: drawn by load, or by its hash, so that what is hashed stays where it was. */
  #tier(hash: number | undefined): HostTier | undefined {
    const { tiers } = this.#hosts;
    if (tiers.length < 2) return tiers[0];
    const draw = hash === undefined ? this.#surroundings.random() * 100 : hash % 100;
    return tiers.find(({ until }) => draw < until) ?? tiers.at(-1);
  }

  /** While hosts start slowly their weights are taken anew in steps that nobody notices. */
  #keepWarmingUp(): void {
    if (!this.#slowStart || this.#warmUp || !this.#hosts.warming) return;
    const stepMs = Math.max(100, this.#slowStart.windowMs / 60);
    this.#warmUp = this.#surroundings.clock.after(stepMs, () => {
      this.#warmUp = undefined;
      this.#hosts.refresh();
      this.#keepWarmingUp();
    });
  }

  async connect(host: UpstreamHost): Promise<UpstreamConnection> {
    if (!(host instanceof Host)) throw new ConnectFailure('unreachable', 'the host is not of this cluster');
    const { clock, internalListeners } = this.#surroundings;
    const abort = new AbortController();
    const timer = clock.after(this.connectTimeoutMs, () => abort.abort());
    this.#counters.total.inc();
    try {
      const raw = await connectHost(host, this.#connector, abort.signal, internalListeners);
      const localAddress = raw.localAddress ? `${raw.localAddress}:${raw.localPort ?? 0}` : '';
      const tls = this.transports.choose(host.metadata);
      const serverName = this.#autoSni ? host.hostname : '';
      const socket = tls
        ? await tls.handshake(raw, {
            serverName,
            requiredName: this.#autoSan && host.hostname !== '' ? host.hostname : undefined,
            signal: abort.signal,
          })
        : raw;
      this.#counters.active.add(1);
      socket.once('close', () => this.#counters.active.add(-1));
      const protocol = tls && 'alpnProtocol' in socket ? socket.alpnProtocol : '';
      return {
        socket,
        host,
        applicationProtocol: typeof protocol === 'string' ? protocol : '',
        localAddress,
      };
    } catch (error) {
      this.#counters.failed.inc();
      throw error;
    } finally {
      timer.cancel();
    }
  }

  report(host: UpstreamHost, outcome: HostOutcome): void {
    if (this.#outliers && host instanceof Host) this.#outliers.report(host, outcome);
  }

  #ejectionChanged(host: Host): void {
    const { logger } = this.#surroundings;
    logger.info(
      { cluster: this.name, host: host.label },
      host.ejected ? 'a host is ejected' : 'a host is back',
    );
    if (host.ejected) this.#counters.ejections.inc();
    this.#counters.healthy.set(this.#hosts.all.filter(({ available }) => available).length);
  }
}

function clusterCounters(metrics: MetricsRegistry, name: string) {
  const labels = { envoy_cluster_name: name };
  return {
    total: metrics.counter('envoy_cluster_upstream_cx_total', 'Connections attempted.', labels),
    failed: metrics.counter('envoy_cluster_upstream_cx_connect_fail', 'Connections that failed.', labels),
    active: metrics.gauge('envoy_cluster_upstream_cx_active', 'Connections that stand.', labels),
    membership: metrics.gauge('envoy_cluster_membership_total', 'Hosts.', labels),
    healthy: metrics.gauge('envoy_cluster_membership_healthy', 'Hosts that may be chosen.', labels),
    ejections: metrics.counter(
      'envoy_cluster_outlier_detection_ejections_enforced_total',
      'Ejections.',
      labels,
    ),
  };
}
