import type { Logger } from '@lateen/runtime';
import type { Journal, JournalRecord } from '../journal.ts';

/** A journal that lives as long as its bus. */
export function createMemoryJournal(logger: Logger): Journal {
  const records: JournalRecord[] = [];
  const wakes = new Set<() => void>();
  return {
    async append(payload, options) {
      const expected = options?.expectedLast;
      if (expected !== undefined && expected !== records.length)
        return { kind: 'conflict', last: records.length };
      const record = { sequence: records.length + 1, payload };
      records.push(record);
      for (const wake of wakes) wake();
      return { kind: 'appended', sequence: record.sequence };
    },
    last: async () => records.length,
    async *read(from) {
      const end = records.length;
      for (let index = Math.max(0, from - 1); index < end; index += 1) yield records[index]!;
    },
    async tail(from, handler) {
      let next = Math.max(1, from);
      let scheduled = false;
      const wake = (): void => {
        if (scheduled) return;
        scheduled = true;
        queueMicrotask(() => {
          scheduled = false;
          while (wakes.has(wake) && next <= records.length) {
            const record = records[next - 1]!;
            next += 1;
            try {
              handler(record);
            } catch (error) {
              logger.error({ err: error, sequence: record.sequence }, 'a journal reader failed');
            }
          }
        });
      };
      wakes.add(wake);
      wake();
      return { unsubscribe: () => void wakes.delete(wake) };
    },
  };
}
