import { enumOf } from '@lateen/protos';
import { merged } from './merge.ts';
import type { EnvoyPatch } from './patch.ts';

const operations = enumOf('istio.networking.v1alpha3.EnvoyFilter.Patch.Operation');

/** How a patch finds the items of a list that it is about. */
export interface ListPatching<T> {
  /** Is the patch about this item? A patch that names no item is about every one. */
  matches(patch: EnvoyPatch, item: T): boolean;
  /** Does the patch name an item? INSERT_BEFORE and INSERT_AFTER without a name mean the list's ends. */
  names(patch: EnvoyPatch): boolean;
}

function applied<T extends object>(
  items: readonly T[],
  patch: EnvoyPatch,
  how: ListPatching<T>,
): readonly T[] {
  // A patch's value is the message that the list holds: patchesOf decoded it so.
  const value = patch.value as T;
  const at = items.findIndex((item) => how.matches(patch, item));
  const insertAt = (index: number): readonly T[] => [...items.slice(0, index), value, ...items.slice(index)];
  switch (patch.operation) {
    case operations.MERGE:
    case operations.MERGE_AND_REPLACE_LIST:
      return items.map((item) => (how.matches(patch, item) ? merged(item, value) : item));
    case operations.REMOVE:
      return items.filter((item) => !how.matches(patch, item));
    case operations.REPLACE:
      return at < 0 || !how.names(patch) ? items : items.map((item, index) => (index === at ? value : item));
    case operations.ADD:
      return [...items, value];
    case operations.INSERT_FIRST:
      return insertAt(0);
    case operations.INSERT_BEFORE:
      return how.names(patch) ? (at < 0 ? items : insertAt(at)) : insertAt(0);
    case operations.INSERT_AFTER:
      return how.names(patch) ? (at < 0 ? items : insertAt(at + 1)) : insertAt(items.length);
    default:
      return items;
  }
}

/** A list with patches applied one after the other (istio/pilot/pkg/networking/core/envoyfilter). */
export function patchedList<T extends object>(
  items: readonly T[],
  patches: readonly EnvoyPatch[],
  how: ListPatching<T>,
): readonly T[] {
  return patches.reduce((list, patch) => applied(list, patch, how), items);
}
