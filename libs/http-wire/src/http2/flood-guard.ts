import type { Http2Limits } from './limits.ts';

/**
 * Counts what costs us more than the peer (CVE-2019-9511 to 9518, 2023-44487, 2025-8671). Each method answers whether
 * the connection may go on.
 */
export class FloodGuard {
  readonly #limits: Http2Limits;
  #streams = 0;
  #ended = 0;
  #premature = 0;
  #empty = 0;
  #priorities = 0;
  #updates = 0;
  #dataFrames = 0;
  /** Control frames since the output was last taken by the transport. */
  #control = 0;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
  }

  opened(): void {
    this.#streams += 1;
  }

  /** A stream is over; `premature`: reset while young and before its answer was complete. */
  ended(premature: boolean): boolean {
    this.#ended += 1;
    if (premature) this.#premature += 1;
    return this.#premature <= this.#limits.maxPrematureResets || this.#premature * 2 <= this.#ended;
  }

  /** A frame that could carry content; `empty`: it has none and ends nothing. */
  content(empty: boolean): boolean {
    this.#empty = empty ? this.#empty + 1 : 0;
    return this.#empty <= this.#limits.maxConsecutiveEmptyFrames;
  }

  priority(): boolean {
    this.#priorities += 1;
    return this.#priorities <= this.#limits.maxPriorityFramesPerStream * (1 + this.#streams);
  }

  windowUpdate(): boolean {
    this.#updates += 1;
    const allowed = this.#streams + this.#limits.maxWindowUpdatesPerDataFrame * this.#dataFrames;
    return this.#updates <= 5 + 2 * allowed;
  }

  dataSent(): void {
    this.#dataFrames += 1;
  }

  controlSent(): boolean {
    this.#control += 1;
    return this.#control <= this.#limits.maxOutboundControlFrames;
  }

  /** The transport has taken all output. */
  drained(): void {
    this.#control = 0;
  }
}
