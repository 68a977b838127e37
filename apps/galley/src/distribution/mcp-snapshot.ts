import { kinds, toMcpResource } from '@lateen/config-schema';
import type { McpCollection, McpSnapshot } from '@lateen/mcp';
import type { istio_mcp_v1alpha1_Resource as Resource } from '@lateen/protos';
import { type Component, type Unsubscribe, WatchValue } from '@lateen/runtime';
import type { Catalog } from '../store/catalog.ts';
import type { CatalogEvent } from '../store/catalog-entry.ts';

/** Every collection that galley distributes. */
export const collections: ReadonlySet<string> = new Set(kinds.map((kind) => kind.collection));

/**
 * The catalog as MCP collections, all at one revision. A transaction copies only the collections that it changes, so
 * sessions see by a map's identity that nothing happened to it.
 */
export class McpSnapshots implements Component {
  readonly name = 'distribution';
  readonly snapshot = new WatchValue<McpSnapshot | undefined>(undefined);
  readonly #catalog: Catalog;
  #resources = new Map<string, ReadonlyMap<string, Resource>>();
  #unsubscribe: Unsubscribe = () => {};

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  async start(): Promise<void> {
    const all = new Map([...collections].map((name) => [name, new Map<string, Resource>()]));
    for (const { kind, key, object } of this.#catalog.all())
      all.get(kind.collection)?.set(key, toMcpResource(object));
    this.#resources = new Map(all);
    this.#publish(this.#catalog.revision);
    this.#unsubscribe = this.#catalog.subscribe((revision, events) => {
      this.#take(events);
      this.#publish(revision);
    });
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
  }

  #take(events: readonly CatalogEvent[]): void {
    const copies = new Map<string, Map<string, Resource>>();
    for (const { type, entry, statusOnly } of events) {
      if (statusOnly) continue; // the revision moves on, what is distributed doesn't change
      const { collection } = entry.kind;
      let copy = copies.get(collection);
      if (!copy) copies.set(collection, (copy = new Map(this.#resources.get(collection))));
      if (type === 'DELETED') copy.delete(entry.key);
      else copy.set(entry.key, toMcpResource(entry.object));
    }
    for (const [collection, copy] of copies) this.#resources.set(collection, copy);
  }

  #publish(revision: number): void {
    const version = String(revision);
    const snapshot = new Map<string, McpCollection>();
    for (const [collection, resources] of this.#resources) snapshot.set(collection, { version, resources });
    this.snapshot.set(snapshot);
  }
}
