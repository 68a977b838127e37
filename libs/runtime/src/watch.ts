/** Stops a subscription. Idempotent. */
export type Unsubscribe = () => void;

/** A value that changes: subscribers get the current one at once, then the newest of each turn of the event loop. */
export class WatchValue<T> {
  #value: T;
  #version = 0;
  readonly #subscribers = new Set<() => void>();

  constructor(initial: T) {
    this.#value = initial;
  }

  /** The newest value. */
  get current(): T {
    return this.#value;
  }

  /** Replaces the value; subscribers hear of it in a microtask, of several changes once. */
  set(value: T): void {
    this.#value = value;
    this.#version += 1;
    for (const wake of this.#subscribers) wake();
  }

  /** Calls `listener` with the current value now and with the newest one after changes. */
  subscribe(listener: (value: T) => void): Unsubscribe {
    let seen = this.#version;
    let scheduled = false;
    const wake = (): void => {
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(() => {
        scheduled = false;
        if (!this.#subscribers.has(wake) || seen === this.#version) return;
        seen = this.#version;
        listener(this.#value);
      });
    };
    this.#subscribers.add(wake);
    listener(this.#value);
    return () => void this.#subscribers.delete(wake);
  }

  /** Resolves with the first value, current or later, that `accept` takes. Rejects when `signal` aborts. */
  until(accept: (value: T) => boolean, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      let stop: Unsubscribe = () => {};
      let done = false;
      const finish = (settle: () => void): void => {
        done = true;
        signal?.removeEventListener('abort', abort);
        stop();
        settle();
      };
      const abort = (): void => finish(() => reject(signal?.reason as Error));
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      stop = this.subscribe((value) => {
        if (!done && accept(value)) finish(() => resolve(value));
      });
      if (done) stop();
    });
  }
}

/** What changed in a `WatchMap` since the subscriber's last call. */
export interface MapChange<K, V> {
  readonly updated: ReadonlyMap<K, V>;
  readonly removed: ReadonlySet<K>;
}

/** A map that changes: a subscriber gets all entries at once, then coalesced updates. */
export class WatchMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #subscribers = new Set<(key: K) => void>();

  /** The newest entries. Don't keep it over an await: it is the live map. */
  get entries(): ReadonlyMap<K, V> {
    return this.#entries;
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
    for (const touch of this.#subscribers) touch(key);
  }

  delete(key: K): boolean {
    if (!this.#entries.delete(key)) return false;
    for (const touch of this.#subscribers) touch(key);
    return true;
  }

  /** Calls `listener` with everything now and with what changed (per turn, coalesced) later. */
  subscribe(listener: (change: MapChange<K, V>) => void): Unsubscribe {
    let touched = new Set<K>();
    const touch = (key: K): void => {
      const scheduled = touched.size > 0;
      touched.add(key);
      if (scheduled) return;
      queueMicrotask(() => {
        if (!this.#subscribers.has(touch)) return;
        const keys = touched;
        touched = new Set();
        const updated = new Map<K, V>();
        const removed = new Set<K>();
        for (const changed of keys) {
          if (this.#entries.has(changed)) updated.set(changed, this.#entries.get(changed) as V);
          else removed.add(changed);
        }
        listener({ updated, removed });
      });
    };
    this.#subscribers.add(touch);
    listener({ updated: new Map(this.#entries), removed: new Set() });
    return () => void this.#subscribers.delete(touch);
  }
}
