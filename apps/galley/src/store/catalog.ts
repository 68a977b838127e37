import { kindByName, objectFromJson } from '@lateen/config-schema';
import { type Component, LateenError, type Logger, type Unsubscribe } from '@lateen/runtime';
import { type CatalogEntry, type CatalogEvent, type KubernetesObject, typeOf } from './catalog-entry.ts';
import type { ConfigStore, StoredChange, StoredObject, Transaction } from './config-store.ts';

/** What a catalog needs. */
export interface CatalogOptions {
  readonly store: ConfigStore;
  readonly logger: Logger;
  /** Events kept for watches that resume. */
  readonly history: number;
}

/** What a transaction decides to do, seeing the newest state: changes to store, or nothing. */
export interface Decision<T> {
  readonly changes: readonly StoredChange[];
  readonly value: T;
}

/** Called once a transaction, in order, while nothing else changes. */
export type CatalogListener = (revision: number, events: readonly CatalogEvent[]) => void;

/** Attempts of a transaction that others are ahead of. */
const attempts = 20;

/**
 * The store's newest state, decoded, with the events that led there (the watch cache). Reads never wait; writes go
 * through `transact` one after the other and are seen by reads when they resolve.
 */
export class Catalog implements Component {
  readonly name = 'catalog';
  readonly #options: CatalogOptions;
  readonly #entries = new Map<string, Map<string, CatalogEntry>>();
  readonly #listeners = new Set<CatalogListener>();
  #events: CatalogEvent[] = [];
  /** Revision before the first event that is kept: watches may resume from here on. */
  #horizon = 0;
  #revision = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    // What arrives between the store's answer and our use of it comes after it.
    let early: Transaction[] | undefined = [];
    const state = await this.#options.store.open((transaction) => {
      if (early) early.push(transaction);
      else this.#take(transaction);
    });
    this.#revision = state.revision;
    this.#horizon = state.revision;
    for (const stored of state.objects) {
      const entry = this.#decode(stored);
      if (entry) this.#of(entry.type).set(entry.key, entry);
    }
    this.#remember(state.recent);
    const arrived = early;
    early = undefined;
    for (const transaction of arrived) this.#take(transaction);
  }

  async stop(): Promise<void> {
    await this.#queue;
    await this.#options.store.close();
  }

  /** Revision of the newest transaction; 0 for an empty store. */
  get revision(): number {
    return this.#revision;
  }

  get(type: string, key: string): CatalogEntry | undefined {
    return this.#entries.get(type)?.get(key);
  }

  /** All objects of a kind, by key. Don't keep it over an await: it is the live map. */
  list(type: string): ReadonlyMap<string, CatalogEntry> {
    return this.#entries.get(type) ?? new Map();
  }

  /** All objects. */
  *all(): Iterable<CatalogEntry> {
    for (const entries of this.#entries.values()) yield* entries.values();
  }

  /** Events after a revision, or `gone` when the history doesn't reach back so far. */
  eventsSince(revision: number): readonly CatalogEvent[] | 'gone' {
    if (revision < this.#horizon || revision > this.#revision) return 'gone';
    let first = this.#events.length;
    while (first > 0 && this.#events[first - 1]!.revision > revision) first -= 1;
    return this.#events.slice(first);
  }

  subscribe(listener: CatalogListener): Unsubscribe {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Runs `decide` on the newest state and stores its changes as one transaction. When another galley was first, decides
   * anew. `decide` must not wait. Answers the revision at which the value holds.
   * @throws the store's errors, and LTN_GALLEY_BUSY when others are always first.
   */
  transact<T>(decide: () => Decision<T>): Promise<{ revision: number; value: T }> {
    const run = async (): Promise<{ revision: number; value: T }> => {
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const { changes, value } = decide();
        if (changes.length === 0) return { revision: this.#revision, value };
        const result = await this.#options.store.commit(changes, this.#revision);
        if (result.kind === 'committed') return { revision: result.revision, value };
      }
      throw new LateenError('other galleys write all the time, try again', {
        code: 'LTN_GALLEY_BUSY',
        origin: 'peer',
        retryable: true,
      });
    };
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => {}); // the caller hears of it; the next transaction must run anyway
    return result;
  }

  #take(transaction: Transaction): void {
    const events = this.#eventsOf(transaction);
    for (const event of events) {
      if (event.type === 'DELETED') this.#of(event.entry.type).delete(event.entry.key);
      else this.#of(event.entry.type).set(event.entry.key, event.entry);
    }
    this.#revision = transaction.revision;
    this.#events.push(...events);
    this.#trim();
    for (const listener of this.#listeners) {
      try {
        listener(transaction.revision, events);
      } catch (error) {
        this.#options.logger.error(
          { err: error, revision: transaction.revision },
          'a catalog listener failed',
        );
      }
    }
  }

  #remember(recent: readonly Transaction[]): void {
    if (recent.length > 0) this.#horizon = recent[0]!.revision - 1;
    for (const transaction of recent) this.#events.push(...this.#eventsOf(transaction));
    this.#trim();
  }

  /** Drops whole transactions only: half a transaction's events would be a hole. */
  #trim(): void {
    const { history } = this.#options;
    if (this.#events.length <= history * 2) return;
    const cut = this.#events[this.#events.length - history - 1]!.revision;
    this.#events = this.#events.filter((event) => event.revision > cut);
    this.#horizon = cut;
  }

  #eventsOf({ revision, changes }: Transaction): CatalogEvent[] {
    const events: CatalogEvent[] = [];
    for (const change of changes) {
      const entry = this.#decode({ ...change, revision });
      if (!entry) continue;
      events.push({
        type: eventTypes[change.action],
        revision,
        entry,
        statusOnly: change.action === 'status',
      });
    }
    return events;
  }

  #of(type: string): Map<string, CatalogEntry> {
    let entries = this.#entries.get(type);
    if (!entries) this.#entries.set(type, (entries = new Map()));
    return entries;
  }

  /** What was stored by another version may not be readable: it is left out, loudly, and stays in the store. */
  #decode(stored: StoredObject): CatalogEntry | undefined {
    const { type, key, revision } = stored;
    const parsed = JSON.parse(stored.body) as KubernetesObject;
    const json = { ...parsed, metadata: { ...parsed.metadata, resourceVersion: String(revision) } };
    const kind = kindByName(json.apiVersion, json.kind);
    const decoded = objectFromJson(json);
    if (!kind || typeOf(kind) !== type || !decoded.object) {
      const { violations } = decoded;
      this.#options.logger.error({ type, key, violations }, 'a stored object cannot be read, it is left out');
      return undefined;
    }
    const entry = { type, key, kind, object: decoded.object, json, revision };
    return stored.owner === undefined ? entry : { ...entry, owner: stored.owner };
  }
}

const eventTypes = { created: 'ADDED', updated: 'MODIFIED', status: 'MODIFIED', deleted: 'DELETED' } as const;
