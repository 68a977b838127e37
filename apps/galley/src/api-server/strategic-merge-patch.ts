import { type FieldPath, isJson, type Json, kindOfList, listKind } from '../store/field-set.ts';

/** Lists of Kubernetes' own kinds that merge by one key. Source: `patchMergeKey` of core/v1 and meta/v1. */
const mergeKeys: Json = {
  'f:spec/f:ports': 'port',
  'f:metadata/f:ownerReferences': 'uid',
  'f:status/f:conditions': 'type',
};

/**
 * Applies a strategic merge patch of a core kind: a merge patch whose keyed lists merge item by item, with `$patch`
 * (`delete`, `replace`), `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST` and `$retainKeys`. Source: Kubernetes,
 * "Update API objects in place using kubectl patch".
 */
export function strategicMergePatch(target: unknown, patch: unknown, path: FieldPath = []): unknown {
  if (!isJson(patch)) return patch;
  const { $patch, $retainKeys, ...fields } = patch;
  if ($patch === 'delete') return undefined;
  const result: { [key: string]: unknown } = Object.create(null);
  if (isJson(target) && $patch !== 'replace') {
    for (const [key, value] of Object.entries(target))
      if (!Array.isArray($retainKeys) || $retainKeys.includes(key)) result[key] = value;
  }
  const orders = new Map<string, readonly unknown[]>();
  for (const [key, value] of Object.entries(fields)) {
    const [directive, name] = key.startsWith('$') ? key.split('/') : [];
    if (directive === '$setElementOrder' && name && Array.isArray(value)) orders.set(name, value);
    else if (directive === '$deleteFromPrimitiveList' && name && Array.isArray(value)) {
      const list = result[name];
      if (Array.isArray(list)) result[name] = list.filter((item) => !value.includes(item));
    } else if (directive === undefined) {
      const merged = merge(result[key], value, [...path, `f:${key}`]);
      if (merged === undefined) delete result[key];
      else result[key] = merged;
    }
  }
  for (const [name, order] of orders) {
    const list = result[name];
    if (Array.isArray(list)) result[name] = ordered(list, order, mergeKeyOf([...path, `f:${name}`]));
  }
  return result;
}

function merge(target: unknown, patch: unknown, path: FieldPath): unknown {
  if (patch === null) return undefined;
  if (!Array.isArray(patch)) return strategicMergePatch(target, patch, path);
  const live = Array.isArray(target) ? target : [];
  if (listKind(path) === 'set') return [...new Set([...live, ...patch])];
  const key = mergeKeyOf(path);
  if (key === undefined || kindOfList(path, live) === 'atomic') return withoutDirectives(patch);
  const replaced = patch.some((item) => isJson(item) && item.$patch === 'replace' && item[key] === undefined);
  const result: unknown[] = replaced ? [] : [...live];
  for (const item of patch as readonly unknown[]) {
    if (!isJson(item) || (item.$patch === 'replace' && item[key] === undefined)) continue;
    const index = result.findIndex((other) => isJson(other) && other[key] === item[key]);
    const merged = strategicMergePatch(index < 0 ? undefined : result[index], item, [...path, `k:${key}`]);
    if (index < 0) {
      if (merged !== undefined) result.push(merged);
    } else if (merged === undefined) result.splice(index, 1);
    else result[index] = merged;
  }
  return result;
}

function mergeKeyOf(path: FieldPath): string | undefined {
  const key = mergeKeys[path.join('/')];
  return typeof key === 'string' ? key : undefined;
}

/** In the patch's order; items that it doesn't name keep their places behind it. */
function ordered(
  list: readonly unknown[],
  order: readonly unknown[],
  key: string | undefined,
): readonly unknown[] {
  const idOf = (item: unknown): unknown => (key !== undefined && isJson(item) ? item[key] : item);
  const ranks = new Map(order.map((item, index) => [idOf(item), index]));
  const rank = (item: unknown): number => ranks.get(idOf(item)) ?? order.length;
  return list.toSorted((a, b) => rank(a) - rank(b));
}

function withoutDirectives(list: readonly unknown[]): unknown[] {
  return list.filter(
    (item) => !(isJson(item) && item.$patch === 'replace' && Object.keys(item).length === 1),
  );
}
