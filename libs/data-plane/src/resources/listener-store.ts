import { encode, type envoy_config_listener_v3_Listener } from '@lateen/protos';
import { Backoff, type Clock, type Logger, messageOf, type Random, type Timer } from '@lateen/runtime';
import type { ReceivedResource, Rejection } from '@lateen/xds';
import { addressLabel } from '../bootstrap/address.ts';
import type { OwnListeners } from '../cluster/own-listeners.ts';
import type { ListenerSurroundings } from '../listener/active-chain.ts';
import { type CompiledListener, compileListener } from '../listener/compiled-listener.ts';
import type { InternalListeners } from '../listener/internal-listeners.ts';
import { Listener } from '../listener/listener.ts';
import { warmingTls } from '../tls/warming-tls.ts';
import { type WarmingItem, warm } from './warming.ts';

const message = 'envoy.config.listener.v3.Listener';

interface Warming {
  readonly key: string;
  readonly version: string;
  readonly compiled: CompiledListener;
  cancel(): void;
}

interface Active {
  readonly key: string;
  readonly version: string;
  readonly listener: Listener;
}

/** What the store needs of the proxy. */
export interface ListenerStoreSurroundings {
  readonly listeners: ListenerSurroundings;
  readonly internalListeners: InternalListeners;
  /** Something to wait for: the table of that name. */
  readonly route: (name: string) => Pick<WarmingItem, 'ready' | 'subscribe'>;
  /** Told of every route configuration that a listener refers to. */
  readonly onRouteNames: (names: ReadonlySet<string>) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A listener as the admin server shows it. */
export interface ListenerStatus {
  readonly name: string;
  readonly version: string;
  readonly state: 'active' | 'warming' | 'not listening';
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  readonly config: envoy_config_listener_v3_Listener;
}

/**
 * The listeners in use. A new or changed one warms (routes, certificates) and then listens or, on the same address,
 * replaces what new connections get. One that can't be compiled is rejected and the last good one stays. One that
 * can't bind is tried again until it can or is replaced.
 */
export class ListenerStore implements OwnListeners {
  readonly #surroundings: ListenerStoreSurroundings;
  readonly #active = new Map<string, Active>();
  readonly #warming = new Map<string, Warming>();
  readonly #binding = new Set<string>();
  readonly #retries = new Map<string, Timer>();
  readonly #rejected = new Map<string, string>();
  readonly #draining = new Set<Promise<void>>();
  readonly #idle: (() => void)[] = [];
  #bindFailure: unknown;

  constructor(surroundings: ListenerStoreSurroundings) {
    this.#surroundings = surroundings;
  }

  has(address: string, port: number): boolean {
    for (const { listener } of this.#active.values()) {
      if (listener.port !== port || listener.address.kind !== 'socket') continue;
      const { host } = listener.address;
      const any = host === '0.0.0.0' || host === '::';
      if (host === address || (any && (address.startsWith('127.') || address === '::1'))) return true;
    }
    return false;
  }

  /** Takes what LDS or the bootstrap says; answers what it refuses. */
  apply(
    updated: readonly ReceivedResource<envoy_config_listener_v3_Listener>[],
    removed: readonly string[],
  ): readonly Rejection[] {
    const rejections: Rejection[] = [];
    // Removals first: a new listener may want the address of one that goes.
    for (const name of removed) this.#remove(name);
    for (const resource of updated) {
      try {
        this.#put(resource);
        this.#rejected.delete(resource.name);
      } catch (error) {
        this.#rejected.set(resource.name, messageOf(error));
        rejections.push({ name: resource.name, reason: messageOf(error) });
      }
    }
    this.#namesChanged();
    return rejections;
  }

  /**
   * Resolves when nothing warms or binds (any more).
   * @throws LateenError LTN_LISTENER_BIND of the last listener that could not bind meanwhile
   */
  async settled(): Promise<void> {
    if (this.#warming.size + this.#binding.size > 0)
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    if (this.#bindFailure) throw this.#bindFailure as Error;
  }

  get rejected(): ReadonlyMap<string, string> {
    return this.#rejected;
  }

  status(): ListenerStatus[] {
    const active = [...this.#active].map(([name, { version, listener }]): ListenerStatus => {
      const { address } = listener;
      return {
        name,
        version,
        state: listener.listening ? 'active' : 'not listening',
        address: addressLabel(address.kind === 'socket' ? { ...address, port: listener.port } : address),
        port: listener.port,
        connections: listener.connections,
        config: listener.compiled.config,
      };
    });
    const warming = [...this.#warming].map(([name, { version, compiled }]): ListenerStatus => {
      const { address, config } = compiled;
      const port = address.kind === 'socket' ? address.port : 0;
      return {
        name,
        version,
        state: 'warming',
        address: addressLabel(address),
        port,
        connections: 0,
        config,
      };
    });
    return [...active, ...warming];
  }

  /** Bound port of a listener by its name; `undefined` while it doesn't listen. */
  port(name: string): number | undefined {
    const listener = this.#active.get(name)?.listener;
    return listener?.listening ? listener.port : undefined;
  }

  /** Stops accepting and lets connections finish; they are cut after `drainTimeMs`. */
  async drainAll(drainTimeMs: number): Promise<void> {
    for (const name of this.#warming.keys()) this.#dropWarming(name);
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
    const drains = [...this.#active.values()].map(({ listener }) => listener.drain(drainTimeMs));
    await Promise.all([...drains, ...this.#draining]);
  }

  #put({ name, version, message: config }: ReceivedResource<envoy_config_listener_v3_Listener>): void {
    const key = Buffer.from(encode(message, config)).toString('latin1');
    const active = this.#active.get(name);
    if (this.#warming.get(name)?.key === key) return;
    if (active?.key === key) return this.#dropWarming(name);
    const previous = this.#warming.get(name)?.compiled ?? active?.listener.compiled;
    const { listeners, clock, route } = this.#surroundings;
    const compiled = compileListener(config, previous, listeners);
    this.#dropWarming(name, compiled);
    const chains = new Set(compiled.chains.values());
    const items: WarmingItem[] = [
      ...[...chains].flatMap(({ tls }) => (tls ? [warmingTls(tls)] : [])),
      ...compiled.routes.map((need) => ({ ...route(need.name), timeoutMs: need.timeoutMs })),
    ];
    let cancelled = false;
    let stop = (): void => {};
    const entry: Warming = {
      key,
      version,
      compiled,
      cancel() {
        cancelled = true;
        stop();
      },
    };
    this.#warming.set(name, entry);
    stop = warm(items, clock, () => {
      if (!cancelled) this.#activate(name, entry);
    });
  }

  #activate(name: string, { key, version, compiled }: Warming): void {
    this.#warming.delete(name);
    const old = this.#active.get(name);
    if (old && addressLabel(old.listener.address) === addressLabel(compiled.address)) {
      old.listener.update(compiled);
      this.#active.set(name, { key, version, listener: old.listener });
      this.#namesChanged();
      return this.#checkIdle();
    }
    const listener = new Listener(
      compiled,
      this.#surroundings.listeners,
      this.#surroundings.internalListeners,
    );
    this.#active.set(name, { key, version, listener });
    // Chains that both have stay with the new one; the old one stops accepting once the new one does.
    const takeOver = (): void => {
      if (!old) return;
      old.listener.close();
      const kept = new Set(compiled.chains.values());
      for (const chain of new Set(old.listener.compiled.chains.values()))
        if (!kept.has(chain)) this.#track(chain.drain());
    };
    const { clock, random, logger } = this.#surroundings;
    const backoff = new Backoff({ baseMs: 200, maxMs: 5000, random });
    const attempt = async (): Promise<void> => {
      this.#retries.delete(name);
      this.#binding.add(name);
      try {
        await listener.listen();
        this.#bindFailure = undefined;
        if (this.#active.get(name)?.listener !== listener) listener.close();
        takeOver();
      } catch (error) {
        this.#bindFailure = error;
        logger.error(
          { listener: name, reason: messageOf(error) },
          'a listener cannot listen, it will be tried again',
        );
        if (this.#active.get(name)?.listener === listener) {
          this.#retries.set(
            name,
            clock.after(backoff.next(), () => void attempt()),
          );
        }
      } finally {
        this.#binding.delete(name);
        this.#checkIdle();
      }
    };
    void attempt();
  }

  #remove(name: string): void {
    this.#rejected.delete(name);
    this.#dropWarming(name);
    this.#retries.get(name)?.cancel();
    this.#retries.delete(name);
    const active = this.#active.get(name);
    this.#active.delete(name);
    if (active) this.#track(active.listener.drain());
  }

  /** Drops what warms; its chains go unless the active listener or `successor` has them. */
  #dropWarming(name: string, successor?: CompiledListener): void {
    const warming = this.#warming.get(name);
    if (!warming) return;
    warming.cancel();
    this.#warming.delete(name);
    const kept = new Set([
      ...(successor?.chains.values() ?? []),
      ...(this.#active.get(name)?.listener.compiled.chains.values() ?? []),
    ]);
    for (const chain of new Set(warming.compiled.chains.values()))
      if (!kept.has(chain)) this.#track(chain.drain());
    this.#checkIdle();
  }

  #track(drain: Promise<void>): void {
    this.#draining.add(drain);
    void drain.finally(() => this.#draining.delete(drain));
  }

  #checkIdle(): void {
    if (this.#warming.size + this.#binding.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #namesChanged(): void {
    const names = new Set<string>();
    const compiled = [
      ...[...this.#active.values()].map(({ listener }) => listener.compiled),
      ...[...this.#warming.values()].map((warming) => warming.compiled),
    ];
    for (const { routes } of compiled) for (const { name } of routes) names.add(name);
    this.#surroundings.onRouteNames(names);
  }
}
