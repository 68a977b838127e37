/** JSON text with sorted keys: equal values have equal texts. `undefined` members are left out, as JSON does. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) => {
      if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
      const sorted: { [key: string]: unknown } = Object.create(null);
      for (const key of Object.keys(inner).sort()) sorted[key] = (inner as { [key: string]: unknown })[key];
      return sorted;
    }) ?? 'null'
  );
}
