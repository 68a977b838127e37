import { WatchValue } from '@lateen/runtime';
import type { ReceivedResource, Rejection } from '@lateen/xds';
import { messageOf } from '@lateen/runtime';

/**
 * Resources that are asked for by name and watched one by one: endpoints, routes, secrets. `compile` makes what is
 * watched; what it throws rejects the resource by name, and the last good one stays.
 */
export class WatchedResources<M, V> {
  readonly #compile: (message: M) => V;
  readonly #values = new Map<string, WatchValue<V | undefined>>();
  readonly #sources = new Map<string, ReceivedResource<M>>();
  readonly #rejected = new Map<string, string>();

  constructor(compile: (message: M) => V) {
    this.#compile = compile;
  }

  /** The newest value of a name, now and later. */
  watch(name: string): WatchValue<V | undefined> {
    let value = this.#values.get(name);
    if (!value) this.#values.set(name, (value = new WatchValue<V | undefined>(undefined)));
    return value;
  }

  /** Takes what came; answers what it refuses. */
  apply(updated: readonly ReceivedResource<M>[], removed: readonly string[]): readonly Rejection[] {
    const rejections: Rejection[] = [];
    for (const resource of updated) {
      try {
        const value = this.#compile(resource.message);
        this.#sources.set(resource.name, resource);
        this.#rejected.delete(resource.name);
        this.watch(resource.name).set(value);
      } catch (error) {
        this.#rejected.set(resource.name, messageOf(error));
        rejections.push({ name: resource.name, reason: messageOf(error) });
      }
    }
    // What is taken away by name stays in force while something refers to it, as in Envoy: losing the endpoints or
    // routes of a live resource would be an outage, and the referring cluster or listener is removed anyway.
    for (const name of removed) this.#rejected.delete(name);
    return rejections;
  }

  /** Forgets everything that is not named. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#values.keys()) {
      if (names.has(name)) continue;
      this.#values.delete(name);
      this.#sources.delete(name);
      this.#rejected.delete(name);
    }
  }

  /** What is in force, as it came. */
  get sources(): ReadonlyMap<string, ReceivedResource<M>> {
    return this.#sources;
  }

  get rejected(): ReadonlyMap<string, string> {
    return this.#rejected;
  }
}
