import { unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import {
  type Counter,
  type Gauge,
  LateenError,
  type Logger,
  messageOf,
  type MetricsRegistry,
} from '@lateen/runtime';
import { numberOr } from '@lateen/matching';
import { addressLabel, type NetworkAddress } from '../bootstrap/address.ts';
import type { ConnectionInfo, DownstreamConnection } from '../connection.ts';
import type { ActiveChain, ListenerSurroundings } from './active-chain.ts';
import type { CompiledListener } from './compiled-listener.ts';
import { type Inspected, inspect, plainBytes } from './inspection.ts';
import type { InternalListeners } from './internal-listeners.ts';

let connectionIds = 0;

/** An IPv4 address that a dual-stack socket shows inside IPv6 is shown as IPv4. */
function plainAddress(address: string | undefined): string {
  return address?.startsWith('::ffff:') ? address.slice(7) : (address ?? '');
}

interface ListenerCounters {
  readonly total: Counter;
  readonly active: Gauge;
  readonly noChain: Counter;
  readonly tlsErrors: Counter;
  readonly timeouts: Counter;
}

function countersOf(metrics: MetricsRegistry, address: NetworkAddress): ListenerCounters {
  const labels = { envoy_listener_address: addressLabel(address).replaceAll(':', '_') };
  return {
    total: metrics.counter('envoy_listener_downstream_cx_total', 'Connections accepted.', labels),
    active: metrics.gauge('envoy_listener_downstream_cx_active', 'Connections that stand.', labels),
    noChain: metrics.counter(
      'envoy_listener_no_filter_chain_match',
      'Connections that no chain takes.',
      labels,
    ),
    tlsErrors: metrics.counter('envoy_listener_ssl_connection_error', 'Handshakes that failed.', labels),
    timeouts: metrics.counter(
      'envoy_listener_downstream_pre_cx_timeout',
      'Inspections that ran out of time.',
      labels,
    ),
  };
}

/**
 * A listener in use: one address, one listening socket, a compiled config that is swapped whole. An update changes
 * what new connections get; connections of chains that are gone drain, all others stay untouched.
 */
export class Listener {
  readonly name: string;
  readonly address: NetworkAddress;
  readonly #surroundings: ListenerSurroundings;
  readonly #internal: InternalListeners;
  readonly #logger: Logger;
  readonly #counters: ListenerCounters;
  /** Sockets whose chain is not chosen yet. */
  readonly #pending = new Set<Socket>();
  #compiled: CompiledListener;
  #server: Server | undefined;
  #unregister: (() => void) | undefined;
  #port: number;

  constructor(compiled: CompiledListener, surroundings: ListenerSurroundings, internal: InternalListeners) {
    this.name = compiled.name;
    this.address = compiled.address;
    this.#compiled = compiled;
    this.#surroundings = surroundings;
    this.#internal = internal;
    this.#logger = surroundings.filters.logger;
    this.#counters = countersOf(surroundings.filters.metrics, compiled.address);
    this.#port = compiled.address.kind === 'socket' ? compiled.address.port : 0;
  }

  /** The bound port; that of the config before `listen`, 0 for other kinds of address. */
  get port(): number {
    return this.#port;
  }

  get compiled(): CompiledListener {
    return this.#compiled;
  }

  get listening(): boolean {
    return this.#server?.listening === true || this.#unregister !== undefined;
  }

  get connections(): number {
    let count = this.#pending.size;
    for (const chain of this.#compiled.chains.values()) count += chain.connections;
    return count;
  }

  /** Binds. @throws LateenError LTN_LISTENER_BIND with the way out */
  listen(): Promise<void> {
    const { address } = this;
    if (address.kind === 'internal') {
      this.#unregister = this.#internal.add(address.listener, (socket) => this.#accept(socket));
      return Promise.resolve();
    }
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
    this.#server = server;
    const backlog = numberOr(this.#compiled.config.tcpBacklogSize, 1024);
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        this.#server = undefined;
        reject(this.#bindFailure(error));
      };
      server.once('error', fail);
      const listening = (): void => {
        server.off('error', fail);
        // Accept errors (too many open files) must not end the process.
        server.on('error', (error) =>
          this.#logger.error({ err: error, listener: this.name }, 'accepting failed'),
        );
        const bound = server.address();
        if (bound && typeof bound === 'object') this.#port = bound.port;
        resolve();
      };
      if (address.kind === 'pipe') {
        if (!address.path.startsWith('\0')) removeStale(address.path);
        server.listen({ path: address.path, backlog }, listening);
      } else {
        server.listen({ host: address.host, port: address.port, backlog }, listening);
      }
    });
  }

  /**
   * Takes a new config of the same address. Connections of a chain that it no longer has go on in the chain that takes
   * its place, or drain where none can.
   */
  update(compiled: CompiledListener): void {
    const previous = this.#compiled;
    this.#compiled = compiled;
    const kept = new Set(compiled.chains.values());
    const before = new Set(previous.chains.values());
    const added = [...kept].filter((chain) => !before.has(chain));
    for (const chain of before) {
      if (kept.has(chain) || added.some((heir) => heir.succeed(chain))) continue;
      void chain.drain();
    }
  }

  /** Stops accepting. Connections go on. */
  close(): void {
    this.#unregister?.();
    this.#unregister = undefined;
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#pending) socket.destroy();
  }

  /** Stops accepting and drains; resolves when every connection is gone. */
  async drain(drainTimeMs?: number): Promise<void> {
    this.close();
    await Promise.all([...new Set(this.#compiled.chains.values())].map((chain) => chain.drain(drainTimeMs)));
  }

  #bindFailure(error: Error): LateenError {
    const label = addressLabel(this.address);
    const code = 'code' in error ? error.code : undefined;
    const wayOut =
      code === 'EADDRINUSE'
        ? `another process listens there: stop it (ss -ltnp 'sport = :${this.#port}' names it) or choose another port`
        : code === 'EACCES'
          ? 'the port needs a privilege that this process lacks: choose one above 1023'
          : messageOf(error);
    return new LateenError(`listener ${this.name} cannot listen on ${label}: ${wayOut}`, {
      code: 'LTN_LISTENER_BIND',
      origin: 'config',
      retryable: true,
      cause: error,
    });
  }

  #accept(socket: Socket): void {
    this.#counters.total.inc();
    this.#counters.active.add(1);
    this.#pending.add(socket);
    socket.once('close', () => {
      this.#counters.active.add(-1);
      this.#pending.delete(socket);
    });
    // Whoever serves the connection adds its own listener; until then a reset must not end the process.
    socket.on('error', () => {});
    this.#serve(socket).catch((error: unknown) => {
      this.#logger.error({ err: error, listener: this.name }, 'a connection could not be served');
      socket.destroy();
    });
  }

  async #serve(raw: Socket): Promise<void> {
    const local = { address: plainAddress(raw.localAddress), port: raw.localPort ?? 0 };
    const remote = { address: plainAddress(raw.remoteAddress), port: raw.remotePort ?? 0 };
    let seen = await this.#inspect(raw, this.#compiled, local.port);
    if (!seen) return;
    // An update may have come during the inspection: the chain is chosen among those in force now.
    const compiled = this.#compiled;
    const choice = compiled.choose({
      destination: local,
      directSource: remote.address,
      source: remote,
      serverName: seen.serverName,
      transportProtocol: seen.transport,
      applicationProtocols: seen.applicationProtocols,
    });
    const chain = choice.kind === 'none' ? undefined : compiled.chains.get(choice.chain);
    if (!chain) {
      this.#counters.noChain.inc();
      raw.destroy();
      return;
    }
    chain.hold(raw);
    let socket = raw;
    let facts: Pick<ConnectionInfo, 'transport' | 'serverName' | 'applicationProtocol' | 'ownUris' | 'peer'> =
      {
        transport: 'raw_buffer',
        serverName: seen.serverName,
        applicationProtocol: seen.applicationProtocols[0] ?? '',
        ownUris: [],
        peer: undefined,
      };
    if (chain.tls) {
      if (seen.transport !== 'tls') {
        // Without inspection the client's protocols are still needed for the handshake's answer.
        const hello = await inspect(raw, {
          tls: true,
          http: false,
          timeoutMs: 60_000,
          clock: this.#surroundings.clock,
        });
        raw.pause();
        if (typeof hello !== 'object' || hello.transport !== 'tls') {
          this.#counters.tlsErrors.inc();
          raw.destroy();
          return;
        }
        seen = hello;
      }
      try {
        const { socket: secured, ...accepted } = await chain.tls.accept(raw, seen.applicationProtocols);
        socket = secured;
        secured.on('error', () => {}); // as for the raw socket
        facts = { transport: 'tls', ...accepted, serverName: accepted.serverName || seen.serverName };
      } catch (error) {
        this.#counters.tlsErrors.inc();
        this.#logger.debug(
          { listener: this.name, remote: remote.address, reason: messageOf(error) },
          'a TLS handshake failed',
        );
        raw.destroy();
        return;
      }
    }
    this.#pending.delete(raw);
    const info: ConnectionInfo = {
      id: (connectionIds += 1),
      listener: this.name,
      filterChain: chain.name,
      local,
      remote,
      ...facts,
      startedAt: this.#surroundings.clock.now(),
    };
    await this.#run({ info, socket, draining: chain.draining }, chain);
  }

  async #run(connection: DownstreamConnection, chain: ActiveChain): Promise<void> {
    for (const gate of chain.gates) {
      const verdict = gate.admit(connection);
      if (!(typeof verdict === 'boolean' ? verdict : await verdict)) {
        connection.socket.destroy();
        return;
      }
    }
    if (!connection.socket.destroyed) chain.terminal.serve(connection);
  }

  async #inspect(socket: Socket, compiled: CompiledListener, port: number): Promise<Inspected | undefined> {
    const tls = compiled.filters.tls(port);
    const http = compiled.filters.http(port);
    if (!tls && !http) return plainBytes;
    const { inspectionTimeoutMs: timeoutMs, continueOnTimeout } = compiled;
    const outcome = await inspect(socket, { tls, http, timeoutMs, clock: this.#surroundings.clock });
    socket.pause();
    if (typeof outcome === 'object') return outcome;
    if (outcome === 'timeout') {
      this.#counters.timeouts.inc();
      // A server-first protocol: the client waits for bytes that only a chain can give.
      if (continueOnTimeout) return plainBytes;
    }
    socket.destroy();
    return undefined;
  }
}

/** A unix socket of a process that is gone would keep the path taken. */
function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
