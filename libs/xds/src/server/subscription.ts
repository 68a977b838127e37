/** What changed in a subscription. */
export interface SubscriptionChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly wildcardChanged: boolean;
}

/**
 * What a client wants of one type. Follows the xDS protocol's rules: an empty first request of clusters or listeners
 * means everything, `*` means everything of any type, and once a client has named something, an empty list means
 * nothing.
 */
export class Subscription {
  #wildcard = false;
  #asked = false;
  readonly #names = new Set<string>();

  get wildcard(): boolean {
    return this.#wildcard;
  }

  /** Names that were asked for one by one, without `*`. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  covers(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /** State of the world: `names` is the whole list. */
  replace(names: readonly string[], legacyWildcard: boolean): SubscriptionChange {
    const wanted = new Set(names);
    const star = wanted.delete('*');
    const empty = wanted.size === 0 && !star;
    // A client that started with the empty list goes on with it in every acknowledgement.
    const legacy = empty && legacyWildcard && (!this.#asked || (this.#wildcard && this.#names.size === 0));
    return this.#become(star || legacy, wanted);
  }

  /** Delta: names come and go. */
  change(
    subscribe: readonly string[],
    unsubscribe: readonly string[],
    legacyWildcard: boolean,
  ): SubscriptionChange {
    const wanted = new Set(this.#names);
    let wildcard = this.#wildcard || (!this.#asked && subscribe.length === 0 && legacyWildcard);
    for (const name of subscribe) {
      if (name === '*') wildcard = true;
      else wanted.add(name);
    }
    for (const name of unsubscribe) {
      if (name === '*') wildcard = false;
      else wanted.delete(name);
    }
    return this.#become(wildcard, wanted);
  }

  #become(wildcard: boolean, wanted: ReadonlySet<string>): SubscriptionChange {
    const added: string[] = [];
    const removed: string[] = [];
    for (const name of wanted) if (!this.#names.has(name)) added.push(name);
    for (const name of this.#names) if (!wanted.has(name)) removed.push(name);
    for (const name of added) this.#names.add(name);
    for (const name of removed) this.#names.delete(name);
    const wildcardChanged = wildcard !== this.#wildcard;
    this.#wildcard = wildcard;
    this.#asked = true;
    return { added, removed, wildcardChanged };
  }
}
