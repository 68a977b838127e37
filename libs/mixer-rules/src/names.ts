import type { ConfigObject } from '@lateen/config-schema';

/**
 * Full name of a handler or instance as rules, quotas and messages have it: `NAME.KIND.NAMESPACE`. Objects of the old
 * spelling are stored as `NAME.KIND`, so their full name keeps the adapter's or template's own kind.
 */
export function fullName(object: ConfigObject): string {
  const { name, namespace } = object.metadata;
  return name.includes('.') ? `${name}.${namespace}` : `${name}.${object.kind}.${namespace}`;
}

/** First part of a full name: what a quota specification calls a quota. */
export function shortName(full: string): string {
  const dot = full.indexOf('.');
  return dot < 0 ? full : full.slice(0, dot);
}

/**
 * Finds what a rule in a namespace calls by a reference: `name`, `name.kind`, `name.namespace` or
 * `name.kind.namespace`, where `kind` is `handler` or `instance`, or the old spelling's.
 */
export function findReference<T>(
  known: ReadonlyMap<string, T>,
  reference: string,
  where: { readonly kind: 'handler' | 'instance'; readonly namespace: string },
): T | undefined {
  const { kind, namespace } = where;
  const parts = reference.split('.');
  const candidates = [`${reference}.${kind}.${namespace}`, `${reference}.${namespace}`, reference];
  if (parts.length === 2) candidates.push(`${parts[0]}.${kind}.${parts[1]}`);
  for (const candidate of candidates) {
    const found = known.get(candidate);
    if (found !== undefined) return found;
  }
  return undefined;
}
