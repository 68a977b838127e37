import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Journal, Subscription } from '@lateen/bus';
import { type Clock, LateenError, type Logger } from '@lateen/runtime';
import type {
  CommitResult,
  ConfigStore,
  StoredChange,
  StoredObject,
  StoreState,
  Transaction,
} from './config-store.ts';

/** The journal and how much history is kept for watches. */
export interface JournalStoreOptions {
  readonly journal: Journal;
  /** Transactions kept in memory for watches that resume. */
  readonly history: number;
  /** How long a conflict waits for the transactions that caused it. Milliseconds. */
  readonly catchUpTimeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The distributed store: each transaction is one record of a bus journal, so it is atomic, and its sequence is the
 * revision. All galleys tail the journal; of two that write at once the journal lets one through.
 */
export function createJournalStore(options: JournalStoreOptions): ConfigStore {
  const { journal, clock, logger } = options;
  let applied = 0;
  let notify: (transaction: Transaction) => void = () => {};
  let tail: Subscription | undefined;
  const waiting = new Set<() => void>();

  /** Own transactions come from `commit` and again from the tail; whichever is first counts. */
  const take = (transaction: Transaction): void => {
    if (transaction.revision <= applied) return;
    applied = transaction.revision;
    notify(transaction);
    for (const wake of waiting) wake();
  };

  const caughtUp = (revision: number): Promise<void> => {
    if (applied >= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        timer.cancel();
        waiting.delete(wake);
        settle();
      };
      const wake = (): void => {
        if (applied >= revision) finish(resolve);
      };
      const timer = clock.after(options.catchUpTimeoutMs ?? 5000, () =>
        finish(() => reject(storeError(`the journal's record ${revision} does not arrive`))),
      );
      waiting.add(wake);
    });
  };

  return {
    async open(onTransaction): Promise<StoreState> {
      const objects = new Map<string, StoredObject>();
      let recent: Transaction[] = [];
      for await (const record of journal.read(1)) {
        const transaction = { revision: record.sequence, changes: decodeChanges(record.payload) };
        for (const change of transaction.changes) replay(objects, change, record.sequence);
        recent.push(transaction);
        if (recent.length >= 2 * options.history) recent = recent.slice(-options.history);
        applied = record.sequence;
      }
      const state = {
        revision: applied,
        objects: [...objects.values()],
        recent: recent.slice(-options.history),
      };
      notify = onTransaction;
      tail = await journal.tail(applied + 1, (record) => {
        if (record.sequence <= applied) return;
        // A gap would mean that a record was lost: stop following rather than serve a state that never was.
        if (record.sequence !== applied + 1) {
          logger.error({ expected: applied + 1, sequence: record.sequence }, 'the journal has a gap');
          return;
        }
        take({ revision: record.sequence, changes: decodeChanges(record.payload) });
      });
      return state;
    },
    async commit(changes, expectedLast): Promise<CommitResult> {
      if (expectedLast !== applied) return { kind: 'conflict' };
      const result = await journal.append(encodeChanges(changes), { expectedLast });
      if (result.kind === 'conflict') {
        await caughtUp(result.last);
        return result;
      }
      take({ revision: result.sequence, changes });
      return { kind: 'committed', revision: result.sequence };
    },
    async close() {
      tail?.unsubscribe();
      tail = undefined;
    },
  };
}

function replay(objects: Map<string, StoredObject>, change: StoredChange, revision: number): void {
  const id = `${change.type} ${change.key}`;
  if (change.action === 'deleted') {
    objects.delete(id);
    return;
  }
  const { type, key, body, owner } = change;
  objects.set(id, owner === undefined ? { type, key, body, revision } : { type, key, body, revision, owner });
}

/** Records from this size on are compressed, so that large applies stay below the bus's limit. Bytes. */
const compressFrom = 16 * 1024;
const plainForm = 0;
const deflatedForm = 1;

/** A record: one byte for its form, then JSON as it is or deflated (RFC 1951). */
function encodeChanges(changes: readonly StoredChange[]): Uint8Array {
  const json = Buffer.from(JSON.stringify(changes));
  const compressed = json.length >= compressFrom;
  return Buffer.concat([
    Buffer.of(compressed ? deflatedForm : plainForm),
    compressed ? deflateRawSync(json) : json,
  ]);
}

function decodeChanges(payload: Uint8Array): readonly StoredChange[] {
  const body = payload.subarray(1);
  if (payload[0] === plainForm) return JSON.parse(Buffer.from(body).toString()) as StoredChange[];
  if (payload[0] === deflatedForm) return JSON.parse(inflateRawSync(body).toString()) as StoredChange[];
  throw storeError(`a journal record has the unknown form ${payload[0]}: it was written by a newer version`);
}

function storeError(message: string): LateenError {
  return new LateenError(message, { code: 'LTN_GALLEY_STORE', origin: 'internal', retryable: true });
}
