import { randomBytes } from 'node:crypto';
import type { Clock } from '@lateen/runtime';
import type { CatalogEntry } from '../store/catalog-entry.ts';
import { ApiFailure } from './api-status.ts';

/** Part of a list, all of whose parts stand at one revision. */
export interface ListPage {
  readonly entries: readonly CatalogEntry[];
  readonly revision: number;
  /** Asks for the next page; `undefined` on the last. */
  readonly continue: string | undefined;
  readonly remaining: number;
}

interface Rest {
  readonly scope: string;
  readonly entries: readonly CatalogEntry[];
  readonly revision: number;
  readonly expiresAt: number;
}

/** Lists whose rest is kept; the oldest falls out, and its reader begins anew. */
const maxLists = 200;
const lifeMs = 300_000;

/** Lists in pages: the rest of a list is kept as it stood when the list began. */
export class ListPages {
  readonly #clock: Clock;
  readonly #rests = new Map<string, Rest>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** First page of a list. `limit` 0: everything. */
  first(
    list: { scope: string; entries: readonly CatalogEntry[]; revision: number },
    limit: number,
  ): ListPage {
    return this.#page(list, limit);
  }

  /** The page that a token asks for. @throws ApiFailure Expired when it is too old or of another list. */
  next(token: string, scope: string, limit: number): ListPage {
    const rest = this.#rests.get(token);
    if (!rest || rest.scope !== scope || rest.expiresAt < this.#clock.monotonic()) {
      throw new ApiFailure(
        'Expired',
        'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
      );
    }
    return this.#page(rest, limit);
  }

  #page(
    { scope, entries, revision }: { scope: string; entries: readonly CatalogEntry[]; revision: number },
    limit: number,
  ): ListPage {
    if (limit === 0 || entries.length <= limit)
      return { entries, revision, continue: undefined, remaining: 0 };
    const token = randomBytes(18).toString('base64url');
    const left = entries.slice(limit);
    const expiresAt = this.#clock.monotonic() + lifeMs;
    this.#rests.set(token, { scope, entries: left, revision, expiresAt });
    if (this.#rests.size > maxLists) this.#rests.delete(this.#rests.keys().next().value as string);
    return { entries: entries.slice(0, limit), revision, continue: token, remaining: left.length };
  }
}
