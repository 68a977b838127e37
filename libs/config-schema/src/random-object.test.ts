import { describeMessage, type FieldKind, type MessageName } from '@lateen/protos';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { objectFromJson } from './decode-object.ts';
import type { KindDefinition } from './kind.ts';
import { fromMcpResource, toMcpResource } from './mcp-resource.ts';
import { objectToJson } from './object-json.ts';
import { kinds, preferredApiVersion } from './registry.ts';

const texts = [
  '',
  'a',
  '*',
  '*.a',
  'a/b',
  './*',
  '~/*',
  '/',
  '-',
  '1.2.3.4',
  '1.2.3.4/33',
  '::1',
  'unix:///x',
  'A_b',
  '%',
  '%%',
  '(',
  'é',
  '__proto__',
  'a.b',
  '@request.auth.claims',
  'outbound_.80_._.a',
  '1s',
];
const numbers = [0, 1, -1, 80, 65536, 2 ** 31 - 1, 2 ** 32 - 1, 0.5, 1e9];

/** Deterministic choices from a seed. */
function choices(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

function valueOf(kind: FieldKind, pick: (below: number) => number, depth: number): unknown {
  if (kind.kind === 'enum') return [...kind.values.keys()][pick(kind.values.size)];
  if (kind.kind === 'scalar') {
    if (kind.type === 'bool') return pick(2) === 0;
    return kind.type === 'string' || kind.type === 'bytes'
      ? texts[pick(texts.length)]
      : numbers[pick(numbers.length)];
  }
  switch (kind.name as string) {
    case 'google.protobuf.Duration':
      return ['0s', '-1s', '1.5s', '0.000000001s', '1h'][pick(5)];
    case 'google.protobuf.Timestamp':
      return '2024-01-31T12:00:00Z';
    case 'google.protobuf.Struct':
      return { a: [1, 'x', null, { b: true }] };
    case 'google.protobuf.BoolValue':
      return pick(2) === 0;
    case 'k8s.io.api.core.v1.IntOrString':
      return [80, 'http', '', -1][pick(4)];
  }
  if (kind.name.startsWith('google.protobuf.')) return numbers[pick(numbers.length)];
  return messageOf(kind.name, pick, depth + 1);
}

function messageOf(
  name: MessageName,
  pick: (below: number) => number,
  depth: number,
): { [key: string]: unknown } {
  const json: { [key: string]: unknown } = {};
  for (const field of new Set(describeMessage(name).fields.values())) {
    if (pick(depth > 5 ? 8 : 3) !== 0) continue;
    const one = (): unknown => valueOf(field.value, pick, depth);
    if (field.mapKey !== undefined)
      json[field.name] = Object.fromEntries(
        Array.from({ length: pick(3) }, () => [
          field.mapKey === 'string' ? (texts[pick(texts.length)] ?? '') : String(pick(70_000)),
          one(),
        ]),
      );
    else json[field.name] = field.repeated ? Array.from({ length: pick(3) }, one) : one();
  }
  return json;
}

function documentOf(definition: KindDefinition, seed: number): object {
  const message = messageOf(definition.message, choices(seed), 0);
  const base = {
    apiVersion: preferredApiVersion(definition),
    kind: definition.kind,
    metadata: { name: 'a' },
  };
  return definition.body === 'root' ? { ...base, ...message } : { ...base, spec: message };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test.each(kinds.map((definition) => [definition.kind, definition] as const))(
  '%s of any shape is judged, and what passes travels',
  (_kind, definition) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { object, violations } = objectFromJson(documentOf(definition, seed));
        if (!object) {
          expect(violations.some(({ severity }) => severity === 'error')).toBe(true);
          return;
        }
        const json = plain(objectToJson(object));
        const again = objectFromJson(json);
        expect(again.violations.filter(({ severity }) => severity === 'error')).toEqual([]);
        expect(plain(objectToJson(again.object ?? object))).toEqual(json);
        const arrived = fromMcpResource(definition.collection, toMcpResource(object));
        expect(
          objectFromJson(plain(objectToJson(arrived))).violations.filter(
            ({ severity }) => severity === 'error',
          ),
        ).toEqual([]);
      }),
      { numRuns: 200 },
    );
  },
);
