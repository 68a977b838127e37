import { formatViolation, kinds, objectFromJson, preferredApiVersion } from '@lateen/config-schema';
import { describeMessage, type FieldKind, type MessageName } from '@lateen/protos';
import { corpusJson, tally, type Tally } from './corpus.ts';

type Json = { [key: string]: unknown };

/** Messages whose JSON is no mapping of their fields. */
const opaque = /^google\.protobuf\./;

function isMapping(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value that no scalar or enum takes. */
function wrongFor(kind: FieldKind): unknown {
  if (kind.kind === 'enum') return 'NO_SUCH_VALUE';
  return kind.kind === 'scalar' && kind.type === 'string' ? 7 : { wrong: true };
}

/** Every spec with an unknown field in one message, or with one scalar of a wrong type. */
function* mutationsOf(
  name: MessageName,
  json: Json,
  path: string,
): Generator<{ path: string; mutated: Json }> {
  yield { path: `${path}.noSuchField`, mutated: { ...json, noSuchField: 1 } };
  const { fields } = describeMessage(name);
  for (const [key, value] of Object.entries(json)) {
    const field = fields.get(key);
    if (!field || field.mapKey !== undefined) continue;
    const items = field.repeated ? (value as unknown[]) : [value];
    for (const [index, item] of items.entries()) {
      const at = `${path}.${field.name}${field.repeated ? `[${index}]` : ''}`;
      const put = (changed: unknown): Json => ({
        ...json,
        [key]: field.repeated ? items.with(index, changed) : changed,
      });
      const { value: kind } = field;
      if (kind.kind !== 'message') yield { path: at, mutated: put(wrongFor(kind)) };
      else if (opaque.test(kind.name)) {
        if (!/Struct$|Value$/.test(kind.name)) yield { path: at, mutated: put([]) };
      } else if (isMapping(item)) {
        for (const inner of mutationsOf(kind.name, item, at))
          yield { path: inner.path, mutated: put(inner.mutated) };
      }
    }
  }
}

/**
 * Rules can't be fitted to rows: each valid spec of the corpus, spoilt at each of its places, is refused there.
 */
export function mutationTally(): Tally {
  const { cases } = corpusJson('validation/cases.json') as {
    cases: readonly {
      id: string;
      kind?: string;
      level: string;
      valid: boolean;
      pureData: boolean;
      spec?: unknown;
      meta?: Json;
    }[];
  };
  const verdicts: [string, string | undefined][] = [];
  for (const row of cases) {
    const definition = kinds.find(({ kind }) => kind === row.kind);
    if (row.level !== 'resource' || !row.valid || !row.pureData || !definition || !isMapping(row.spec))
      continue;
    for (const { path, mutated } of mutationsOf(definition.message, row.spec, 'spec')) {
      const { violations } = objectFromJson({
        apiVersion: preferredApiVersion(definition),
        kind: definition.kind,
        metadata: { name: 'name', ...row.meta },
        spec: mutated,
      });
      const found = violations.some(({ path: at, severity }) => severity === 'error' && at === path);
      verdicts.push([
        `${row.id} at ${path}`,
        found ? undefined : `found ${violations.map(formatViolation).join('; ') || 'valid'}`,
      ]);
    }
  }
  return tally(verdicts);
}
