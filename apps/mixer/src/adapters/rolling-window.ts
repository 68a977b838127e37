/**
 * Amounts taken within the last so many ticks. A tick's amounts come back when the window has moved past it.
 * Source: istio/istio `mixer/adapter/memquota/rollingWindow.go`.
 */
export class RollingWindow {
  readonly #slots: Float64Array;
  #slot = 0;
  #tick = 0;
  #available: number;

  /** `limit` within any `ticks` ticks. */
  constructor(limit: number, ticks: number) {
    this.#available = limit;
    this.#slots = new Float64Array(Math.max(1, ticks));
  }

  /** What is left; `alloc` and `release` bring it up to date. */
  get available(): number {
    return this.#available;
  }

  /** Takes an amount, all of it or nothing. */
  alloc(amount: number, tick: number): boolean {
    this.#roll(tick);
    if (amount > this.#available) return false;
    this.#slots[this.#slot]! += amount;
    this.#available -= amount;
    return true;
  }

  /** Gives back at most what was taken within the window, newest first; answers how much that was. */
  release(amount: number, tick: number): number {
    this.#roll(tick);
    let left = amount;
    for (let back = 0; back < this.#slots.length && left > 0; back += 1) {
      const slot = (this.#slot - back + this.#slots.length) % this.#slots.length;
      const given = Math.min(left, this.#slots[slot]!);
      this.#slots[slot]! -= given;
      this.#available += given;
      left -= given;
    }
    return amount - left;
  }

  #roll(tick: number): void {
    const behind = Math.min(Math.max(0, tick - this.#tick), this.#slots.length);
    for (let step = 0; step < behind; step += 1) {
      this.#slot = (this.#slot + 1) % this.#slots.length;
      this.#available += this.#slots[this.#slot]!;
      this.#slots[this.#slot] = 0;
    }
    this.#tick = Math.max(this.#tick, tick);
  }
}
