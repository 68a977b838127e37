import type { AttributeValue } from './value.ts';

/** Something attributes are read from: a bag, or a bag whose reads are noted. */
export interface AttributeSource {
  get(name: string): AttributeValue | undefined;
}

/** Attributes of one request or connection, in no particular order. */
export interface AttributeBag extends AttributeSource {
  entries(): Iterable<readonly [string, AttributeValue]>;
}

/**
 * Attributes that are collected step by step. A child bag sees its parent's attributes unless it sets its own; the
 * parent is never changed, so many requests may share one with the static attributes of a proxy or a route.
 */
export class MutableBag implements AttributeBag {
  readonly #own = new Map<string, AttributeValue>();
  readonly #parent: AttributeBag | undefined;

  constructor(parent?: AttributeBag) {
    this.#parent = parent;
  }

  get(name: string): AttributeValue | undefined {
    return this.#own.get(name) ?? this.#parent?.get(name);
  }

  set(name: string, value: AttributeValue): this {
    this.#own.set(name, value);
    return this;
  }

  /** A bag of its own with the same attributes. */
  copy(): MutableBag {
    return new MutableBag().merge(this);
  }

  /** Sets every attribute of another bag. */
  merge(other: AttributeBag): this {
    for (const [name, value] of other.entries()) this.#own.set(name, value);
    return this;
  }

  *entries(): Iterable<readonly [string, AttributeValue]> {
    if (this.#parent) {
      for (const entry of this.#parent.entries()) if (!this.#own.has(entry[0])) yield entry;
    }
    yield* this.#own;
  }
}

/** A bag without attributes. */
export const emptyBag: AttributeBag = { get: () => undefined, entries: () => [] };
