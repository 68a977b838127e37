import type { Counter } from '@lateen/runtime';

/** The part of a writable stream that a writer needs. */
export interface LineStream {
  write(text: string): boolean;
  readonly writableLength: number;
}

/** Text that may wait for a slow reader. Bytes. */
const mostWaiting = 4 * 1024 * 1024;

/** Writes lines to one stream; while its reader is too slow, lines are dropped and counted instead of piling up. */
export class LineWriter {
  readonly #stream: LineStream;
  readonly #dropped: Counter;

  constructor(stream: LineStream, dropped: Counter) {
    this.#stream = stream;
    this.#dropped = dropped;
  }

  /** Writes lines in one go; `lines` end without a line break. */
  write(lines: readonly string[]): void {
    if (lines.length === 0) return;
    if (this.#stream.writableLength > mostWaiting) this.#dropped.inc(lines.length);
    else this.#stream.write(`${lines.join('\n')}\n`);
  }
}
