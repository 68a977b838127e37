import type { Clock, Timer } from '@lateen/runtime';

/** Bounds of a debounce, milliseconds. */
export interface DebounceOptions {
  readonly clock: Clock;
  /** A burst is over when nothing happened for this long. */
  readonly afterMs: number;
  /** A burst is cut here, counted from its first event. */
  readonly maxMs: number;
  readonly action: () => void;
}

/**
 * Adaptive debounce: the first event of a quiet time acts at once; while events keep coming, they act together when
 * they pause, at the latest after `maxMs`.
 */
export class Debounce {
  readonly #options: DebounceOptions;
  #lastEvent = Number.NEGATIVE_INFINITY;
  #burstStart: number | undefined;
  #timer: Timer | undefined;

  constructor(options: DebounceOptions) {
    this.#options = options;
  }

  /** Something happened. */
  trigger(): void {
    const { clock, afterMs, maxMs } = this.#options;
    const now = clock.monotonic();
    const quiet = now - this.#lastEvent >= afterMs;
    this.#lastEvent = now;
    if (quiet && this.#burstStart === undefined) return this.#options.action();
    this.#burstStart ??= now;
    this.#timer?.cancel();
    const delay = Math.min(afterMs, this.#burstStart + maxMs - now);
    this.#timer = clock.after(delay, () => {
      this.#burstStart = undefined;
      this.#timer = undefined;
      this.#options.action();
    });
  }

  /** Forgets what waits. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#burstStart = undefined;
  }
}
