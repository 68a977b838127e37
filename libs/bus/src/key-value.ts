import type { Subscription } from './bus.ts';

/** Value of a key; `revision` grows with each write to the bucket. */
export interface KeyValueEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** A key's newest state as a watcher sees it; `value` is undefined when the key was deleted. */
export interface KeyValueChange {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

/** Outcome of a write: its revision, or a conflict with another's. */
export type WriteResult = { kind: 'written'; revision: number } | { kind: 'conflict' };

/** A check made together with the write. */
export interface WriteOptions {
  /** Writes only when this is the key's revision; 0: only when there is no such key. */
  readonly expectedRevision?: number;
}

/**
 * A bucket of keys with revisions. Keys are dot-separated tokens of letters, digits, `-`, `_`, `=` and `/`. Every call
 * throws LateenError LTN_BUS_UNAVAILABLE when the bus doesn't answer.
 */
export interface KeyValue {
  get(key: string): Promise<KeyValueEntry | undefined>;
  put(key: string, value: Uint8Array, options?: WriteOptions): Promise<WriteResult>;
  delete(key: string, options?: WriteOptions): Promise<WriteResult>;
  /** Calls `handler` with the state of each key and then with every change, in order of revision. */
  watch(handler: (change: KeyValueChange) => void): Promise<Subscription>;
}
