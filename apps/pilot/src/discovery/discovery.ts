import { type CompileProblem, parseProxy, type Proxy } from '@lateen/mesh-compiler';
import { RpcError, rpcStatus } from '@lateen/rpc';
import { type Clock, type Logger, type Unsubscribe, WatchValue } from '@lateen/runtime';
import {
  createXdsServer,
  type ResourceFeed,
  type ResourceSet,
  type ResourceSource,
  type XdsPeer,
  type XdsServer,
  type XdsServerEvent,
} from '@lateen/xds';
import type { MeshState } from '../snapshot/mesh-state.ts';
import { claimComplaint } from './claim.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { ProxyCompilation } from './proxy-compilation.ts';

/** One connection of a proxy. */
export interface ConnectedProxy {
  readonly connection: string;
  readonly proxy: Proxy;
  readonly resources: WatchValue<ResourceSet | undefined>;
  problems: readonly CompileProblem[];
  /** When the change behind what it was offered last arrived, monotonic milliseconds; `undefined` when it is older than the connection. */
  offeredChange: number | undefined;
  /** Newest revision of which it acknowledged everything. */
  ackedRevision: number | undefined;
}

/** What discovery needs. */
export interface DiscoveryOptions {
  readonly states: WatchValue<MeshState | undefined>;
  readonly trustDomain: string;
  readonly stepTimeoutMs: number;
  readonly metrics: DiscoveryMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called after anything that a rollout's status shows may have changed. */
  readonly onChange: () => void;
}

/** Compiling gives the event loop back after this time, so that answers and connections are served. Milliseconds. */
const sliceMs = 20;

/**
 * Serves ADS: each connection's proxy is compiled from the newest mesh state and set on its feed, whence the xDS
 * session delivers it. Proxies wait in one queue, each in it at most once; a newer state re-queues them all, and
 * whoever is compiled gets the newest.
 */
export class Discovery {
  /** For the mutual TLS port: a node must be what its certificate says. */
  readonly secure: XdsServer;
  /** For the loopback port in plain text. */
  readonly plaintext: XdsServer;
  readonly #options: DiscoveryOptions;
  readonly #proxies = new Map<string, ConnectedProxy>();
  readonly #queue = new Set<ConnectedProxy>();
  readonly #compilation = new ProxyCompilation();
  readonly #unsubscribe: Unsubscribe;
  #working = false;
  #revision = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.secure = this.#createServer('tls', (proxy, peer) => {
      const complaint = claimComplaint(proxy, peer.caller.principals, options.trustDomain);
      if (complaint === undefined) return;
      options.metrics.refusedClaims.inc();
      options.logger.warn({ peer: peer.caller.peer, node: proxy.id, complaint }, 'a proxy is refused');
      throw new RpcError(rpcStatus.PERMISSION_DENIED, complaint);
    });
    this.plaintext = this.#createServer('plaintext', () => {});
    this.#unsubscribe = options.states.subscribe((state) => {
      if (!state) return;
      this.#compilation.nextGeneration();
      this.#revision = state.model.revision;
      options.metrics.services.set(state.model.services.length);
      for (const proxy of this.#proxies.values()) this.#enqueue(proxy);
      options.onChange();
    });
  }

  /** Open connections, by id. */
  get proxies(): ReadonlyMap<string, ConnectedProxy> {
    return this.#proxies;
  }

  /** Revision that proxies are offered; 0 before the first. */
  get revision(): number {
    return this.#revision;
  }

  /** Ends every stream. */
  stop(): void {
    this.#unsubscribe();
    this.#queue.clear();
    this.secure.close();
    this.plaintext.close();
  }

  #createServer(prefix: string, admit: (proxy: Proxy, peer: XdsPeer) => void): XdsServer {
    const key = (connection: string): string => `${prefix}-${connection}`;
    const source: ResourceSource = {
      connect: (peer) => {
        const proxy = parseProxy(peer.node);
        admit(proxy, peer);
        return this.#connect(key(peer.id), proxy);
      },
    };
    const { clock, logger, stepTimeoutMs } = this.#options;
    return createXdsServer({
      source,
      clock,
      logger,
      stepTimeoutMs,
      identifier: 'lateen-pilot',
      onEvent: (connection, event) => this.#event(key(connection), event),
    });
  }

  #connect(connection: string, proxy: Proxy): ResourceFeed {
    const connected: ConnectedProxy = {
      connection,
      proxy,
      resources: new WatchValue<ResourceSet | undefined>(undefined),
      problems: [],
      offeredChange: undefined,
      ackedRevision: undefined,
    };
    this.#proxies.set(connection, connected);
    this.#options.metrics.connections.set(this.#proxies.size);
    if (this.#options.states.current) this.#enqueue(connected);
    this.#options.onChange();
    return {
      resources: connected.resources,
      close: () => {
        this.#proxies.delete(connection);
        this.#queue.delete(connected);
        this.#options.metrics.connections.set(this.#proxies.size);
        this.#options.onChange();
      },
    };
  }

  #enqueue(proxy: ConnectedProxy): void {
    this.#queue.add(proxy);
    if (this.#working) return;
    this.#working = true;
    setImmediate(() => this.#work());
  }

  #work(): void {
    const { clock, logger, metrics } = this.#options;
    const start = clock.monotonic();
    for (const proxy of this.#queue) {
      const state = this.#options.states.current;
      if (!state) break;
      this.#queue.delete(proxy);
      const before = clock.monotonic();
      try {
        const compiled = this.#compilation.compile(state, proxy.proxy);
        // A proxy that has just connected did not wait since the change, but since now.
        proxy.offeredChange = proxy.resources.current ? state.changedAt : before;
        proxy.problems = compiled.problems;
        proxy.resources.set(compiled.resources);
      } catch (error) {
        logger.error(
          { err: error, proxy: proxy.proxy.id },
          'a proxy could not be compiled, it keeps what it has',
        );
      }
      const now = clock.monotonic();
      metrics.pushTime.observe((now - before) / 1000);
      if (now - start > sliceMs && this.#queue.size > 0) {
        setImmediate(() => this.#work());
        return;
      }
    }
    this.#working = false;
    metrics.problems.set(this.#problemCount());
    this.#options.onChange();
  }

  #problemCount(): number {
    const objects = new Set<string>();
    for (const { problems } of this.#proxies.values()) for (const { object } of problems) objects.add(object);
    return objects.size;
  }

  #event(connection: string, event: XdsServerEvent): void {
    const { metrics, logger, clock } = this.#options;
    const proxy = this.#proxies.get(connection);
    switch (event.kind) {
      case 'pushed':
        metrics.pushes(event.typeUrl).inc();
        return;
      case 'nacked': {
        metrics.rejects(event.typeUrl).inc();
        const { typeUrl, message } = event;
        logger.warn({ proxy: proxy?.proxy.id, typeUrl, reason: message }, 'a proxy refused a push');
        this.#options.onChange();
        return;
      }
      case 'timedOut':
        metrics.timeouts.inc();
        return;
      case 'converged':
        if (!proxy) return;
        proxy.ackedRevision = Number.parseInt(event.version, 10);
        if (proxy.offeredChange !== undefined) {
          metrics.convergence.observe((clock.monotonic() - proxy.offeredChange) / 1000);
          proxy.offeredChange = undefined;
        }
        this.#options.onChange();
        return;
      default:
        return;
    }
  }
}
