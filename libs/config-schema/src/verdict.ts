import { objectFromJson } from './decode-object.ts';
import { kinds, preferredApiVersion } from './registry.ts';

/** A row of a kind's table: what it is, the spec, the verdict, metadata beside name and namespace. */
export type Case = readonly [name: string, spec: unknown, found: readonly string[], metadata?: object];

/** What a table of a kind's tests says of a spec: nothing, or the paths of its errors and (after `~`) its warnings. */
export function verdict(kind: string, spec: unknown, metadata?: unknown): readonly string[] {
  const definition = kinds.find((each) => each.kind === kind);
  if (!definition) throw new Error(`no kind is named ${kind}`);
  const { violations } = objectFromJson({
    apiVersion: preferredApiVersion(definition),
    kind,
    metadata: { name: 'name', namespace: 'ns', ...(metadata as object | undefined) },
    ...(definition.body === 'root' ? (spec as object) : { spec }),
  });
  return violations
    .filter(({ path, severity }) => !(severity === 'warning' && path === 'kind'))
    .map(({ path, severity }) => (severity === 'error' ? path : `~${path}`))
    .sort();
}
