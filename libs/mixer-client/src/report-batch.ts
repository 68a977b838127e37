import { type AttributeBag, compressInto, WordTable } from '@lateen/attributes';
import { enumOf, type istio_mixer_v1_ReportRequest } from '@lateen/protos';
import type { Clock, Timer } from '@lateen/runtime';

const { INDEPENDENT_ENCODING } = enumOf('istio.mixer.v1.ReportRequest.RepeatedAttributesSemantics');

/** Message of several records that share one dictionary. */
export function encodeReport(
  records: readonly AttributeBag[],
  globalWordCount: number,
): istio_mixer_v1_ReportRequest {
  const table = new WordTable({ globalWordCount });
  const attributes = records.map((record) => compressInto(table, record));
  return {
    attributes,
    defaultWords: table.words,
    globalWordCount,
    repeatedAttributesSemantics: INDEPENDENT_ENCODING,
  };
}

/** How records are gathered and sent. */
export interface ReportBatchOptions {
  /** A batch is sent when it has so many records … */
  readonly maxRecords: number;
  /** … or so long after its first one. Milliseconds. */
  readonly maxDelayMs: number;
  /** Records that wait while batches are under way; the oldest are dropped beyond that. */
  readonly maxWaiting: number;
  /** Batches under way at a time. */
  readonly maxCalls: number;
  readonly clock: Clock;
  /** Sends one batch. Never rejects: what fails is counted where it fails. */
  send(records: readonly AttributeBag[]): Promise<void>;
  /** Told how many records were dropped. */
  dropped(count: number): void;
}

/** Gathers report records into batches. Source: istio/proxy `mixerclient/report_batch.cc`. */
export class ReportBatch {
  readonly #options: ReportBatchOptions;
  readonly #calls = new Set<Promise<void>>();
  #records: AttributeBag[] = [];
  #timer: Timer | undefined;
  /** A batch is due although it is not full. */
  #due = false;

  constructor(options: ReportBatchOptions) {
    this.#options = options;
  }

  /** Takes a record. The bag must not be changed any more. */
  add(record: AttributeBag): void {
    const { clock, maxDelayMs, maxWaiting } = this.#options;
    this.#records.push(record);
    if (this.#records.length > maxWaiting) {
      this.#records.shift();
      this.#options.dropped(1);
    }
    this.#send();
    if (this.#records.length > 0 && !this.#timer && !this.#due) {
      this.#timer = clock.after(maxDelayMs, () => {
        this.#timer = undefined;
        this.#due = true;
        this.#send();
      });
    }
  }

  /** Sends what is gathered and resolves when everything under way has ended. */
  async flush(): Promise<void> {
    this.#due = this.#records.length > 0;
    this.#send();
    while (this.#calls.size > 0) await Promise.all(this.#calls);
  }

  #send(): void {
    const { maxRecords, maxCalls } = this.#options;
    while (
      this.#calls.size < maxCalls &&
      (this.#records.length >= maxRecords || (this.#due && this.#records.length > 0))
    ) {
      const batch = this.#records.slice(0, maxRecords);
      this.#records = this.#records.slice(maxRecords);
      if (this.#records.length === 0) {
        this.#due = false;
        this.#timer?.cancel();
        this.#timer = undefined;
      }
      const call = this.#options.send(batch).finally(() => {
        this.#calls.delete(call);
        this.#send();
      });
      this.#calls.add(call);
    }
  }
}
