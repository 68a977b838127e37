import type { Manager } from './manager.ts';

/** Where a connection finds its manager: the one it came with, or what has taken that one's place since. */
export class ManagerSlot {
  readonly #manager: Manager;
  #next: ManagerSlot | undefined;

  constructor(manager: Manager) {
    this.#manager = manager;
  }

  /** The newest manager, for the next request. */
  get newest(): Manager {
    const last = this.#last();
    // Managers in between are let go of: a connection may outlive many of them.
    if (last !== this) this.#next = last;
    return last.#manager;
  }

  /** From now on connections of this slot use `next`. */
  replaceBy(next: ManagerSlot): void {
    this.#last().#next = next;
  }

  #last(): ManagerSlot {
    let last = this.#next;
    while (last?.#next) last = last.#next;
    return last ?? this;
  }
}
