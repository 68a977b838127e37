import { durationMs, structJson } from '@lateen/protos';
import { compileRouteTable, type RouteTable } from '@lateen/routing-engine';
import {
  type Clock,
  type Component,
  LateenError,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Random,
} from '@lateen/runtime';
import type { AdsClient } from '@lateen/xds';
import { type AdminState, createAdmin } from './admin/admin.ts';
import { type Bootstrap, checkBootstrap, readAdminAddress, readAdsSource } from './bootstrap/bootstrap.ts';
import { readDataSource } from './bootstrap/data-source.ts';
import { type DnsResolver, systemResolver } from './cluster/dns.ts';
import { readEndpoints } from './cluster/endpoints.ts';
import { RpcChannels } from './cluster/rpc-channels.ts';
import { decodeRouteFilterConfig } from './http-filters/registry.ts';
import type { ListenerSurroundings } from './listener/active-chain.ts';
import { compileListener } from './listener/compiled-listener.ts';
import { InternalListeners } from './listener/internal-listeners.ts';
import { AccessLogFiles } from './network-filters/access-log-files.ts';
import { networkFilters } from './network-filters/registry.ts';
import type { NodeFacts, Surroundings } from './network-filters/surroundings.ts';
import { ClusterStore } from './resources/cluster-store.ts';
import { type DiscoverySettings, firstResponse, openClient, SecretStreams } from './resources/discovery.ts';
import { ListenerStore } from './resources/listener-store.ts';
import { SecretStore } from './resources/secret-store.ts';
import { fetchTimeoutMs } from './resources/warming.ts';
import { WatchedResources } from './resources/watched-resources.ts';

/** How a data plane is made. */
export interface DataPlaneOptions {
  readonly bootstrap: Bootstrap;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** Envoy's `--drain-time-s`: connections of what is gone are cut after it; 600 000 when absent. Milliseconds. */
  readonly drainTimeMs?: number;
  /** The same for connections that stand when the data plane stops; `drainTimeMs` when absent. Milliseconds. */
  readonly stopDrainMs?: number;
  readonly resolver?: DnsResolver;
  /** Called for `POST /quitquitquit`. */
  readonly onQuit?: () => void;
}

/** A data plane. `start` resolves when the listeners of the first configuration listen. */
export interface DataPlane extends Component {
  /**
   * Compiles everything static without listening (`--mode validate`); not to be started afterwards.
   * @throws LateenError naming the field that can't be used
   */
  validate(): Promise<void>;
  /** Bound port of a listener; `undefined` while it doesn't listen. */
  port(listener: string): number | undefined;
  /** Bound port of the admin server; `undefined` without one. */
  readonly adminPort: number | undefined;
}

/**
 * Composes a data plane from an Envoy bootstrap:
 *
 * ```
 * bootstrap ─ static resources ─┐
 * ADS ─ clusters, endpoints ────┼─▶ ClusterStore ──┐
 * ADS ─ listeners, routes ──────┼─▶ ListenerStore ─┴─▶ Listener ─▶ chain ─▶ network filters ─▶ cluster ─▶ host
 * SDS ─ secrets ────────────────┘
 * ```
 *
 * @throws LateenError when the bootstrap has something that is not supported
 */
export function createDataPlane(options: DataPlaneOptions): DataPlane {
  checkBootstrap(options.bootstrap);
  return new Server(options);
}

class Server implements DataPlane {
  readonly name = 'data-plane';
  readonly #options: DataPlaneOptions;
  readonly #drainTimeMs: number;
  readonly #internalListeners = new InternalListeners();
  readonly #logs: AccessLogFiles;
  readonly #channels: RpcChannels;
  readonly #secretStreams: SecretStreams;
  readonly #secrets: SecretStore;
  readonly #endpoints;
  readonly #routes;
  readonly #clusters: ClusterStore;
  readonly #listeners: ListenerStore;
  readonly #listenerSurroundings: ListenerSurroundings;
  readonly #discovery: DiscoverySettings;
  readonly #stopping = new AbortController();
  readonly #admin: ReturnType<typeof createAdmin> | undefined;
  #ads: AdsClient | undefined;
  #state: AdminState['state'] = 'PRE_INITIALIZING';
  #stopped: Promise<void> | undefined;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    const { bootstrap, clock, random, logger, metrics } = options;
    this.#drainTimeMs = options.drainTimeMs ?? 600_000;
    this.#logs = new AccessLogFiles(clock, logger, metrics);
    this.#channels = new RpcChannels((name) => this.#clusters.get(name));
    const node = bootstrap.node ?? {};
    this.#discovery = { node, rpc: (cluster) => this.#channels.get(cluster), clock, random, logger };
    this.#secretStreams = new SecretStreams(this.#discovery);
    this.#secrets = new SecretStore(this.#secretStreams.subscribe);
    const tls = { secrets: this.#secrets, logger };

    this.#endpoints = new WatchedResources((assignment: Parameters<typeof readEndpoints>[0]) => {
      readEndpoints(assignment, 'endpoints', { localityWeighted: false });
      return assignment;
    });
    const compileRoutes: Surroundings['compileRoutes'] = (config) =>
      compileRouteTable(config, { decodeFilterConfig: decodeRouteFilterConfig, readDataSource });
    this.#routes = new WatchedResources<Parameters<typeof compileRoutes>[0], RouteTable>(compileRoutes);

    this.#clusters = new ClusterStore(
      {
        ...tls,
        endpoints: (name) => this.#endpoints.watch(name),
        resolver: options.resolver ?? systemResolver,
        ownListeners: { has: (address, port) => this.#listeners.has(address, port) },
        internalListeners: this.#internalListeners,
        clock,
        random,
        logger,
        metrics,
      },
      (names) => {
        this.#endpoints.keep(names);
        this.#ads?.setNames('envoy.config.endpoint.v3.ClusterLoadAssignment', names);
      },
    );
    const facts: NodeFacts = {
      id: node.id ?? '',
      cluster: node.cluster ?? '',
      metadata: node.metadata ? structJson(node.metadata) : Object.create(null),
    };
    const filters: Surroundings = {
      clusters: this.#clusters,
      routes: (name) => this.#routes.watch(name),
      compileRoutes,
      clock,
      random,
      metrics,
      logger,
      node: facts,
      accessLog: (path) => this.#logs.open(path),
      rpc: (cluster) => this.#channels.get(cluster),
    };
    this.#listenerSurroundings = {
      filters,
      registry: networkFilters,
      tls,
      clock,
      drainTimeMs: this.#drainTimeMs,
    };
    this.#listeners = new ListenerStore({
      listeners: this.#listenerSurroundings,
      internalListeners: this.#internalListeners,
      route: (name) => {
        const table = this.#routes.watch(name);
        return {
          ready: () => table.current !== undefined,
          subscribe: (listener) => table.subscribe(listener),
        };
      },
      onRouteNames: (names) => {
        this.#routes.keep(names);
        this.#ads?.setNames('envoy.config.route.v3.RouteConfiguration', names);
      },
      clock,
      random,
      logger,
    });
    const address = readAdminAddress(bootstrap);
    this.#admin = address && createAdmin(address, this.#adminState(), options);
  }

  get adminPort(): number | undefined {
    return this.#admin?.port;
  }

  port(listener: string): number | undefined {
    return this.#listeners.port(listener);
  }

  async validate(): Promise<void> {
    try {
      this.#addStatic();
      const listeners = this.#options.bootstrap.staticResources?.listeners ?? [];
      at('static_resources.listeners', listeners, (listener) =>
        compileListener(listener, undefined, this.#listenerSurroundings),
      );
    } finally {
      await this.stop();
    }
  }

  async start(): Promise<void> {
    const { bootstrap } = this.#options;
    const fixed = bootstrap.staticResources ?? {};
    this.#state = 'INITIALIZING';
    await this.#admin?.start();
    this.#addStatic();
    const source = readAdsSource(bootstrap);
    if (source) {
      // The channel needs its cluster: bootstrap clusters with addresses are ready at once, names must be resolved.
      await this.#clusterOf(source.cluster);
      const ads = openClient('ads', source, this.#discovery);
      this.#ads = ads;
      this.#secretStreams.useAds(ads);
      this.#subscribe(ads);
      ads.start();
      await this.#firstClusters(ads);
    } else await this.#clusters.settled();
    // Listeners come after the clusters that they send to.
    const listeners = fixed.listeners ?? [];
    const rejections = this.#listeners.apply(
      listeners.map((message) => ({ name: message.name ?? '', version: 'static', message })),
      [],
    );
    const [rejected] = rejections;
    if (rejected) throw invalid(`static_resources.listeners "${rejected.name}"`, rejected.reason);
    await this.#stoppable(this.#listeners.settled());
    if (this.#ads && bootstrap.dynamicResources?.ldsConfig) await this.#firstListeners(this.#ads);
    if (!this.#stopping.signal.aborted) this.#state = 'LIVE';
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#state = 'DRAINING';
    this.#stopping.abort();
    this.#ads?.stop();
    this.#secretStreams.stop();
    await this.#listeners.drainAll(this.#options.stopDrainMs ?? this.#drainTimeMs);
    this.#clusters.dispose();
    this.#channels.close();
    await this.#logs.close();
    await this.#admin?.stop();
  }

  #addStatic(): void {
    const { secrets, clusters } = this.#options.bootstrap.staticResources ?? {};
    at('static_resources.secrets', secrets ?? [], (secret) => this.#secrets.addStatic(secret));
    at('static_resources.clusters', clusters ?? [], (cluster) => this.#clusters.addStatic(cluster));
  }

  #subscribe(ads: AdsClient): void {
    const { dynamicResources } = this.#options.bootstrap;
    if (dynamicResources?.cdsConfig) {
      ads.subscribe(
        'envoy.config.cluster.v3.Cluster',
        (update) => this.#clusters.apply(update.updated, update.removed),
        '*',
      );
    }
    ads.subscribe('envoy.config.endpoint.v3.ClusterLoadAssignment', ({ updated, removed }) =>
      this.#endpoints.apply(updated, removed),
    );
    ads.subscribe('envoy.config.route.v3.RouteConfiguration', ({ updated, removed }) =>
      this.#routes.apply(updated, removed),
    );
  }

  async #firstClusters(ads: AdsClient): Promise<void> {
    const config = this.#options.bootstrap.dynamicResources?.cdsConfig;
    const { clock } = this.#options;
    if (config) {
      const timeoutMs = fetchTimeoutMs(durationMs(config.initialFetchTimeout));
      await firstResponse(ads, 'cluster', { clock, timeoutMs, signal: this.#stopping.signal });
    }
    await this.#stoppable(this.#clusters.settled());
  }

  async #firstListeners(ads: AdsClient): Promise<void> {
    const { clock, logger, bootstrap } = this.#options;
    ads.subscribe(
      'envoy.config.listener.v3.Listener',
      (update) => this.#listeners.apply(update.updated, update.removed),
      '*',
    );
    const timeoutMs = fetchTimeoutMs(durationMs(bootstrap.dynamicResources?.ldsConfig?.initialFetchTimeout));
    await firstResponse(ads, 'listener', { clock, timeoutMs, signal: this.#stopping.signal });
    try {
      await this.#stoppable(this.#listeners.settled());
    } catch (error) {
      // One port that is taken must not take the others away; it is tried again meanwhile.
      logger.error({ reason: messageOf(error) }, 'a listener of the first configuration does not listen');
    }
  }

  async #clusterOf(name: string): Promise<void> {
    const { logger } = this.#options;
    if (this.#clusters.get(name)) return;
    const known = this.#clusters.status().find(({ cluster }) => cluster.name === name);
    if (!known) throw invalid('dynamic_resources.ads_config', `there is no static cluster ${name}`);
    logger.info({ cluster: name }, 'waiting for the cluster of the xDS server');
    await known.cluster.ready.until((ready) => ready, this.#stopping.signal);
  }

  /** Waits, but no longer than the data plane runs. */
  #stoppable(wait: Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    return Promise.race([
      wait,
      new Promise<void>((resolve) => {
        if (signal.aborted) return resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    ]);
  }

  #adminState(): AdminState {
    const { bootstrap } = this.#options;
    const state = (): AdminState['state'] => this.#state;
    return {
      bootstrap,
      get state() {
        return state();
      },
      clusters: () => this.#clusters.status(),
      listeners: () => this.#listeners.status(),
      routes: () => this.#routes.sources,
      endpoints: () => this.#endpoints.sources,
      secrets: () => this.#secrets.status(),
      rejected: () => [
        ...[...this.#clusters.rejected].map(([name, reason]) => ({ type: 'cluster', name, reason })),
        ...[...this.#endpoints.rejected].map(([name, reason]) => ({ type: 'endpoint', name, reason })),
        ...[...this.#listeners.rejected].map(([name, reason]) => ({ type: 'listener', name, reason })),
        ...[...this.#routes.rejected].map(([name, reason]) => ({ type: 'route', name, reason })),
      ],
      drain: () => void this.#listeners.drainAll(this.#drainTimeMs),
    };
  }
}

function invalid(path: string, reason: string): LateenError {
  return new LateenError(`${path}: ${reason}`, { code: 'LTN_BOOTSTRAP_INVALID', origin: 'config' });
}

/** Does something with each of a list; errors say which one. */
function at<T extends { readonly name?: string | undefined }>(
  path: string,
  list: readonly T[],
  action: (item: T) => void,
): void {
  for (const [index, item] of list.entries()) {
    try {
      action(item);
    } catch (error) {
      throw invalid(`${path}[${index}] "${item.name ?? ''}"`, messageOf(error));
    }
  }
}
