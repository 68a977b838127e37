import { type AttributeSource, ReferenceShape } from '@lateen/attributes';
import { durationMs, type istio_mixer_v1_CheckResponse_PreconditionResult } from '@lateen/protos';

/** Answers that are kept, and how many kinds of reference sets. Source: istio/proxy `mixerclient/options.h`. */
export const checkCacheLimits = { entries: 10_000, shapes: 256, signatureLength: 16_384 } as const;

interface Entry<T> {
  readonly value: T;
  /** Monotonic milliseconds. */
  readonly expiresAt: number;
  /** Below 0: without a limit. */
  usesLeft: number;
}

/**
 * Answers of earlier checks, found by the attributes that they depend on. The least recently used one makes room.
 * Source: istio/proxy `mixerclient/check_cache.cc`.
 */
export class CheckCache<T> {
  readonly #capacity: number;
  readonly #shapes = new Map<string, { readonly shape: ReferenceShape; readonly number: number }>();
  readonly #entries = new Map<string, Entry<T>>();
  #shapesMade = 0;

  /** `capacity` 0 switches the cache off. */
  constructor(capacity: number = checkCacheLimits.entries) {
    this.#capacity = capacity;
  }

  /** Number of kept answers. */
  get size(): number {
    return this.#entries.size;
  }

  /** A kept answer that fits the attributes. Counts as one use. `now` in monotonic milliseconds. */
  find(bag: AttributeSource, now: number): T | undefined {
    for (const { shape, number } of this.#shapes.values()) {
      const key = keyOf(number, shape.signature(bag));
      const entry = key === undefined ? undefined : this.#entries.get(key);
      if (key === undefined || entry === undefined) continue;
      this.#entries.delete(key);
      if (entry.expiresAt <= now || entry.usesLeft === 0) continue;
      if (entry.usesLeft > 0) entry.usesLeft -= 1;
      this.#entries.set(key, entry); // back at the end: the front is the least recently used
      return entry.value;
    }
    return undefined;
  }

  /** Keeps an answer to a check of these attributes for as long as it says. `now` in monotonic milliseconds. */
  keep(
    bag: AttributeSource,
    result: istio_mixer_v1_CheckResponse_PreconditionResult,
    value: T,
    now: number,
  ): void {
    const uses = result.validUseCount ?? 0;
    const expiresAt = now + (durationMs(result.validDuration) ?? Number.POSITIVE_INFINITY);
    if (this.#capacity === 0 || uses === 0 || expiresAt <= now) return;
    const shape = ReferenceShape.of(result.referencedAttributes ?? {});
    const key = shape && keyOf(this.#number(shape), shape.signature(bag));
    if (key === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAt, usesLeft: uses });
    if (this.#entries.size > this.#capacity) this.#entries.delete(this.#entries.keys().next().value!);
  }

  #number(shape: ReferenceShape): number {
    let known = this.#shapes.get(shape.id);
    if (!known) {
      known = { shape, number: this.#shapesMade++ };
      this.#shapes.set(shape.id, known);
      // Answers of a dropped shape are found no more; they leave as the least recently used.
      if (this.#shapes.size > checkCacheLimits.shapes) this.#shapes.delete(this.#shapes.keys().next().value!);
    }
    return known.number;
  }
}

function keyOf(shape: number, signature: string | undefined): string | undefined {
  return signature === undefined || signature.length > checkCacheLimits.signatureLength
    ? undefined
    : `${shape}|${signature}`;
}
