import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AttributeValue,
  attribute,
  MutableBag,
  parseDurationText,
  parseTimestamp,
} from '@lateen/attributes';

const root = process.env.LATEEN_CORPORA ?? join(import.meta.dirname, '../../../../shared/corpora');

/** Is the folder of strangers' cases there? */
export const corporaPresent = existsSync(join(root, 'mixer-expr'));

/** A row of a corpus file; its fields differ from file to file. */
export type Row = Record<string, unknown> & { readonly id: string };

/** Rows of a corpus file. */
export function rows<R = Row>(file: string): R[] {
  return JSON.parse(readFileSync(join(root, file), 'utf8')) as R[];
}

/** A corpus file that is one object. */
export function table<T>(file: string): T {
  return JSON.parse(readFileSync(join(root, file), 'utf8')) as T;
}

/** Text of a corpus file. */
export function text(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Names of the YAML files of a corpus folder. */
export function files(folder: string): string[] {
  return readdirSync(join(root, folder)).filter((name) => name.endsWith('.yaml'));
}

/** Results of one kind of rows: how many agree, and which don't and why. */
export interface Tally {
  passed: number;
  readonly failures: string[];
}

/** Runs `check` on every row; what it throws is that row's failure. */
export async function tally<R extends { readonly id: string }>(
  all: readonly R[],
  check: (row: R) => void | Promise<void>,
): Promise<Tally> {
  const result: Tally = { passed: 0, failures: [] };
  for (const row of all) {
    try {
      await check(row);
      result.passed += 1;
    } catch (error) {
      result.failures.push(
        `${row.id}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 400),
      );
    }
  }
  return result;
}

/** Fails a row unless both sides have the same JSON. */
export function same(found: unknown, expected: unknown): void {
  const left = canonical(found);
  const right = canonical(expected);
  if (left !== right) throw new Error(`found ${left}, expected ${right}`);
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) => {
      if (inner instanceof Map) return canonicalObject(Object.fromEntries(inner));
      if (inner && typeof inner === 'object' && !Array.isArray(inner)) return canonicalObject(inner);
      return inner;
    }) ?? 'undefined'
  );
}

function canonicalObject(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** A typed value of the corpora, long (`{type, value}`) or short (`{int64: "5"}`, plain text, plain object). */
export function valueOf(json: unknown): AttributeValue {
  if (typeof json === 'string') return attribute.string(json);
  if (typeof json === 'boolean') return attribute.bool(json);
  const typed = (json ?? {}) as Record<string, unknown>;
  const { type, value } = typed;
  if (type === 'string') return attribute.string(value as string);
  if (type === 'bool') return attribute.bool(value as boolean);
  if (type === 'int64' || 'int64' in typed) return attribute.int64(Number(value ?? typed.int64));
  if (type === 'double' || 'double' in typed) return attribute.double(Number(value ?? typed.double));
  if ('hex' in typed) return attribute.bytes(Uint8Array.from(Buffer.from(typed.hex as string, 'hex')));
  if ('bytesText' in typed) return attribute.bytes(Uint8Array.from(Buffer.from(typed.bytesText as string)));
  if (type === 'timestamp' || 'timestamp' in typed) {
    const time = parseTimestamp(String(value ?? typed.timestamp).split(' ')[0]!);
    return attribute.timestamp(time ?? { seconds: 1_700_000_000, nanos: 0 });
  }
  if (type === 'duration' || 'duration' in typed) {
    return attribute.duration(parseDurationText(String(value ?? typed.duration))!);
  }
  if (type === 'string_map')
    return attribute.stringMap(new Map(Object.entries((value ?? {}) as Record<string, string>)));
  return attribute.stringMap(new Map(Object.entries(typed as Record<string, string>)));
}

/** A bag of typed values. */
export function bagOf(json: unknown): MutableBag {
  const bag = new MutableBag();
  for (const [name, value] of Object.entries((json ?? {}) as Record<string, unknown>))
    bag.set(name, valueOf(value));
  return bag;
}

/** A value as comparable JSON. */
export function plain(value: AttributeValue | undefined): unknown {
  if (!value) return undefined;
  if (value.kind === 'bytes') return { bytes: Buffer.from(value.value).toString('hex') };
  if (value.kind === 'stringMap') return { stringMap: Object.fromEntries(value.value.entries()) };
  if (value.kind === 'timestamp' || value.kind === 'duration') {
    return { [value.kind]: [value.value.seconds ?? 0, value.value.nanos ?? 0] };
  }
  return { [value.kind]: value.value };
}
