import { encode, type envoy_config_cluster_v3_Cluster } from '@lateen/protos';
import type { ReceivedResource, Rejection } from '@lateen/xds';
import { messageOf } from '@lateen/runtime';
import type { ClusterSource } from '../cluster/cluster.ts';
import { type ClusterSurroundings, ManagedCluster } from '../cluster/managed-cluster.ts';

const message = 'envoy.config.cluster.v3.Cluster';

interface Entry {
  /** Config as bytes: what is equal is left alone. */
  readonly key: string;
  readonly cluster: ManagedCluster;
  readonly version: string;
}

/** A cluster as the admin server shows it. */
export interface ClusterStatus {
  readonly cluster: ManagedCluster;
  readonly version: string;
  readonly state: 'static' | 'active' | 'warming';
}

/**
 * The clusters in use. A new or changed cluster warms beside the one that serves and takes its place when it is
 * ready; one that can't be compiled is rejected and the last good one stays.
 */
export class ClusterStore implements ClusterSource {
  readonly #surroundings: ClusterSurroundings;
  readonly #onEdsNames: (names: ReadonlySet<string>) => void;
  readonly #static = new Set<string>();
  readonly #active = new Map<string, Entry>();
  readonly #warming = new Map<string, Entry>();
  readonly #rejected = new Map<string, string>();
  readonly #idle: (() => void)[] = [];

  constructor(surroundings: ClusterSurroundings, onEdsNames: (names: ReadonlySet<string>) => void) {
    this.#surroundings = surroundings;
    this.#onEdsNames = onEdsNames;
  }

  get(name: string): ManagedCluster | undefined {
    return this.#active.get(name)?.cluster;
  }

  /** Adds a cluster of the bootstrap, which no update replaces. @throws LateenError when it can't be compiled */
  addStatic(config: envoy_config_cluster_v3_Cluster): void {
    this.#put({ name: config.name ?? '', version: '', message: config });
    this.#static.add(config.name ?? '');
  }

  /** Takes what CDS says; answers what it refuses. */
  apply(
    updated: readonly ReceivedResource<envoy_config_cluster_v3_Cluster>[],
    removed: readonly string[],
  ): readonly Rejection[] {
    const rejections: Rejection[] = [];
    for (const resource of updated) {
      // Envoy too leaves bootstrap clusters alone when CDS names one.
      if (this.#static.has(resource.name)) continue;
      try {
        this.#put(resource);
        this.#rejected.delete(resource.name);
      } catch (error) {
        this.#rejected.set(resource.name, messageOf(error));
        rejections.push({ name: resource.name, reason: messageOf(error) });
      }
    }
    for (const name of removed) if (!this.#static.has(name)) this.#remove(name);
    this.#namesChanged();
    return rejections;
  }

  /** Resolves when nothing warms (any more). */
  settled(): Promise<void> {
    return this.#warming.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  status(): ClusterStatus[] {
    const show = (entries: Iterable<Entry>, state: 'active' | 'warming'): ClusterStatus[] =>
      [...entries].map(({ cluster, version }) => ({
        cluster,
        version,
        state: this.#static.has(cluster.name) ? 'static' : state,
      }));
    return [...show(this.#active.values(), 'active'), ...show(this.#warming.values(), 'warming')];
  }

  /** Names that were refused, with the reason; the last good ones stay in use. */
  get rejected(): ReadonlyMap<string, string> {
    return this.#rejected;
  }

  dispose(): void {
    for (const { cluster } of [...this.#active.values(), ...this.#warming.values()]) cluster.dispose();
    this.#active.clear();
    this.#warming.clear();
    this.#checkIdle();
  }

  #put({ name, version, message: config }: ReceivedResource<envoy_config_cluster_v3_Cluster>): void {
    const key = Buffer.from(encode(message, config)).toString('latin1');
    if (this.#warming.get(name)?.key === key) return;
    if (this.#active.get(name)?.key === key) {
      // Back to what serves already: what was on its way to replace it is dropped.
      this.#dropWarming(name);
      return;
    }
    const cluster = new ManagedCluster(config, this.#surroundings);
    this.#dropWarming(name);
    const entry: Entry = { key, cluster, version };
    this.#warming.set(name, entry);
    cluster.start();
    const stop = cluster.ready.subscribe((ready) => {
      if (!ready || this.#warming.get(name) !== entry) return;
      queueMicrotask(() => stop());
      this.#warming.delete(name);
      const old = this.#active.get(name);
      this.#active.set(name, entry);
      old?.cluster.dispose();
      if (old) this.#namesChanged();
      this.#checkIdle();
    });
  }

  #remove(name: string): void {
    this.#rejected.delete(name);
    this.#dropWarming(name);
    this.#active.get(name)?.cluster.dispose();
    this.#active.delete(name);
  }

  #dropWarming(name: string): void {
    this.#warming.get(name)?.cluster.dispose();
    this.#warming.delete(name);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#warming.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #namesChanged(): void {
    const names = new Set<string>();
    for (const { cluster } of [...this.#active.values(), ...this.#warming.values()]) {
      if (cluster.edsName !== undefined) names.add(cluster.edsName);
    }
    this.#onEdsNames(names);
  }
}
