/** Source of randomness: a number in [0, 1). */
export type Random = () => number;

/** Bounds of a back-off, in milliseconds. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly random: Random;
}

/** Exponential back-off with full jitter: attempt n waits between 0 and min(max, base × 2^n), at least a tenth of it. */
export class Backoff {
  readonly #options: BackoffOptions;
  #attempt = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Delay before the next attempt, in milliseconds. */
  next(): number {
    const { baseMs, maxMs, random } = this.#options;
    const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(this.#attempt++, 30));
    return ceiling * (0.1 + 0.9 * random());
  }

  /** Starts anew after a success. */
  reset(): void {
    this.#attempt = 0;
  }
}
