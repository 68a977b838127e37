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
    const last = lastOf(this);
    // Managers in between are let go of: a connection may outlive many of them.
    if (last !== this) this.#next = last;
    return last.#manager;
  }

  /** What took this one's place. */
  get next(): ManagerSlot | undefined {
    return this.#next;
  }

  /** From now on connections of this slot use `next`. */
  replaceBy(next: ManagerSlot): void {
    lastOf(this).#next = next;
  }
}

function lastOf(slot: ManagerSlot): ManagerSlot {
  let last = slot;
  for (let next = last.next; next; next = next.next) last = next;
  return last;
}
