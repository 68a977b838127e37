import type { Socket } from 'node:net';
import { invalidConfig } from '@lateen/matching';
import { encode, type envoy_config_listener_v3_FilterChain } from '@lateen/protos';
import type { Clock, Timer } from '@lateen/runtime';
import type { GateFilter, TerminalFilter } from '../connection.ts';
import { compilePipeline, type NetworkFilterRegistry } from '../network-filters/network-filter.ts';
import type { Surroundings } from '../network-filters/surroundings.ts';
import type { DownstreamTls } from '../tls/downstream-tls.ts';
import type { TlsSurroundings } from '../tls/tls-material.ts';
import { downstreamTransport } from '../tls/transport-socket.ts';

/** What listeners need of the proxy. */
export interface ListenerSurroundings {
  readonly filters: Surroundings;
  readonly registry: NetworkFilterRegistry;
  readonly tls: TlsSurroundings;
  readonly clock: Clock;
  /** Connections of a chain that is gone are cut after this time. Milliseconds. */
  readonly drainTimeMs: number;
}

const message = 'envoy.config.listener.v3.FilterChain';

/** A filter chain in use, with its connections. It outlives listener updates that leave it as it is. */
export class ActiveChain {
  readonly name: string;
  /** The chain's config as bytes: equal keys, equal chains. */
  readonly key: string;
  /** All of it but the last filter: chains that are equal in this may hand connections on. */
  readonly #connectionKey: string;
  readonly tls: DownstreamTls | undefined;
  readonly gates: readonly GateFilter[];
  readonly terminal: TerminalFilter;
  readonly #draining = new AbortController();
  readonly #connections = new Set<Socket>();
  readonly #surroundings: ListenerSurroundings;
  readonly #idle: (() => void)[] = [];
  /** Chains that this one took over from, as long as connections of theirs stand. */
  readonly #predecessors = new Set<ActiveChain>();
  #cut: Timer | undefined;

  /** @throws LateenError LTN_CONFIG_INVALID naming the field below `path` */
  constructor(
    config: envoy_config_listener_v3_FilterChain,
    path: string,
    surroundings: ListenerSurroundings,
  ) {
    if (config.useProxyProto?.value) throw invalidConfig(`${path}.use_proxy_proto`, 'is not supported');
    this.name = config.name ?? '';
    this.key = chainKey(config);
    this.#connectionKey = chainKey({ ...config, filters: config.filters?.slice(0, -1) ?? [] });
    this.#surroundings = surroundings;
    const pipeline = compilePipeline(
      config.filters ?? [],
      `${path}.filters`,
      surroundings.registry,
      surroundings.filters,
    );
    this.gates = pipeline.gates;
    this.terminal = pipeline.terminal;
    this.tls = downstreamTransport(config.transportSocket, `${path}.transport_socket`, surroundings.tls);
  }

  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  get connections(): number {
    let count = this.#connections.size;
    for (const predecessor of this.#predecessors) count += predecessor.connections;
    return count;
  }

  /**
   * Takes over from a chain that differs in its last filter alone: its connections stand, and their next request is
   * served by this one's. `false`: it can't, that chain has to drain.
   */
  succeed(previous: ActiveChain): boolean {
    if (previous.#connectionKey !== this.#connectionKey) return false;
    if (!this.terminal.succeed?.(previous.terminal)) return false;
    for (const chain of [previous, ...previous.#predecessors]) {
      if (chain.#connections.size === 0) continue;
      this.#predecessors.add(chain);
      chain.#idle.push(() => this.#predecessors.delete(chain));
    }
    previous.#predecessors.clear();
    // A handshake under way still needs its certificates.
    if (previous.#connections.size === 0) previous.tls?.dispose();
    else previous.#idle.push(() => previous.tls?.dispose());
    return true;
  }

  /** Counts a connection until it closes. */
  hold(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (this.#connections.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  /** Lets connections finish, cuts those that remain after the drain time. Resolves when the last one is gone. */
  drain(drainTimeMs = this.#surroundings.drainTimeMs): Promise<void> {
    const before = [...this.#predecessors].map((chain) => chain.drain(drainTimeMs));
    return Promise.all([this.#drainOwn(drainTimeMs), ...before]).then(() => {});
  }

  #drainOwn(drainTimeMs: number): Promise<void> {
    this.#draining.abort();
    if (this.#connections.size === 0) {
      this.tls?.dispose();
      return Promise.resolve();
    }
    this.#cut?.cancel();
    this.#cut = this.#surroundings.clock.after(drainTimeMs, () => {
      for (const socket of this.#connections) socket.destroy();
    });
    return new Promise((resolve) => {
      this.#idle.push(() => {
        this.#cut?.cancel();
        this.tls?.dispose();
        resolve();
      });
    });
  }
}

/** Bytes of a chain's config as a map key. */
export function chainKey(config: envoy_config_listener_v3_FilterChain): string {
  return Buffer.from(encode(message, config)).toString('latin1');
}
