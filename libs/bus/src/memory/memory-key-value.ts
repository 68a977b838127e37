import type { Logger } from '@lateen/runtime';
import type { KeyValue, KeyValueChange, WriteOptions, WriteResult } from '../key-value.ts';

/** A bucket that lives as long as its bus. */
export function createMemoryKeyValue(logger: Logger): KeyValue {
  const entries = new Map<string, KeyValueChange>();
  const watchers = new Set<(change: KeyValueChange) => void>();
  let revision = 0;

  const write = (
    key: string,
    value: Uint8Array | undefined,
    options: WriteOptions | undefined,
  ): WriteResult => {
    const current = entries.get(key);
    const expected = options?.expectedRevision;
    if (expected !== undefined && expected !== (current?.value ? current.revision : 0))
      return { kind: 'conflict' };
    revision += 1;
    const change = { key, value, revision };
    entries.set(key, change);
    for (const watcher of watchers) watcher(change);
    return { kind: 'written', revision };
  };

  return {
    async get(key) {
      const entry = entries.get(key);
      return entry?.value ? { key, value: entry.value, revision: entry.revision } : undefined;
    },
    put: async (key, value, options) => write(key, value, options),
    delete: async (key, options) => write(key, undefined, options),
    async watch(handler) {
      const deliver = (change: KeyValueChange): void =>
        queueMicrotask(() => {
          if (!watchers.has(deliver)) return;
          try {
            handler(change);
          } catch (error) {
            logger.error({ err: error, key: change.key }, 'a watcher of a bucket failed');
          }
        });
      watchers.add(deliver);
      const known = [...entries.values()].filter((entry) => entry.value !== undefined);
      for (const entry of known.sort((a, b) => a.revision - b.revision)) deliver(entry);
      return { unsubscribe: () => void watchers.delete(deliver) };
    },
  };
}
