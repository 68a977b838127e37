import type { Subscription } from './bus.ts';

/** One record of a journal. Sequences start at 1 and have no gaps. */
export interface JournalRecord {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Outcome of an append: the record's sequence, or the journal's last sequence when it isn't the expected one. */
export type AppendResult = { kind: 'appended'; sequence: number } | { kind: 'conflict'; last: number };

/** A check made together with the append. */
export interface AppendOptions {
  /** Appends only when this is the sequence of the last record; 0 for an empty journal. */
  readonly expectedLast?: number;
}

/** An append-only list of records. An append answers when the record is as durable as the adapter makes it. */
export interface Journal {
  /** @throws LateenError LTN_BUS_UNAVAILABLE (it may or may not be stored), LTN_BUS_TOO_LARGE. */
  append(payload: Uint8Array, options?: AppendOptions): Promise<AppendResult>;
  /** Sequence of the last record, 0 when there is none. */
  last(): Promise<number>;
  /** Records from a sequence on up to what is the last at the call. */
  read(from: number): AsyncIterable<JournalRecord>;
  /** Calls `handler` with every record from a sequence on, old ones and those to come, once each and in order. */
  tail(from: number, handler: (record: JournalRecord) => void): Promise<Subscription>;
}
