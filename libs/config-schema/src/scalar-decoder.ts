import { describeNode } from './node.ts';
import { didYouMean } from './suggestion.ts';
import { type ValueDecoder, wrong } from './walk.ts';

const integerBounds: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['int32', [-(2 ** 31), 2 ** 31 - 1]],
  ['sint32', [-(2 ** 31), 2 ** 31 - 1]],
  ['sfixed32', [-(2 ** 31), 2 ** 31 - 1]],
  ['uint32', [0, 2 ** 32 - 1]],
  ['fixed32', [0, 2 ** 32 - 1]],
  ['int64', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ['sint64', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ['sfixed64', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  ['uint64', [0, Number.MAX_SAFE_INTEGER]],
  ['fixed64', [0, Number.MAX_SAFE_INTEGER]],
]);

/** Decoder of a whole number of a protobuf type, within its bounds. */
export function integerDecoder(type: string): ValueDecoder {
  const [least, most] = integerBounds.get(type) ?? [0, 0];
  const is64 = type.endsWith('64');
  return (node, walk) => {
    let value = node.kind === 'scalar' ? node.value : undefined;
    // Proto-JSON writes 64-bit numbers as text; for others text is a mistake that CRD schemas refuse, too.
    if (is64 && typeof value === 'string' && /^-?\d{1,16}$/.test(value)) value = Number(value);
    if (typeof value === 'string' && /^-?\d+$/.test(value)) {
      return wrong(
        walk,
        node,
        `expected a whole number, found ${describeNode(node)}`,
        `write ${value} without quotes`,
      );
    }
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      return wrong(walk, node, `expected a whole number, found ${describeNode(node)}`);
    }
    if (value < least || value > most)
      return wrong(walk, node, `${value} is out of range, expected ${least} to ${most}`);
    return value;
  };
}

const specialNumbers: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** Decodes a floating point number. */
export const decodeNumber: ValueDecoder = (node, walk) => {
  const value = node.kind === 'scalar' ? node.value : undefined;
  const number = typeof value === 'string' ? specialNumbers.get(value) : value;
  return typeof number === 'number'
    ? number
    : wrong(walk, node, `expected a number, found ${describeNode(node)}`);
};

/** Decodes text. */
export const decodeString: ValueDecoder = (node, walk) => {
  if (node.kind === 'scalar' && typeof node.value === 'string') return node.value;
  const written =
    node.kind === 'scalar' && node.value !== null ? (node.plain ?? String(node.value)) : undefined;
  return wrong(
    walk,
    node,
    `expected text, found ${describeNode(node)}`,
    written === undefined ? undefined : `write "${written}" in quotes`,
  );
};

// YAML 1.1, which kubectl reads, has these as booleans where they stand without quotes.
const oldBooleans: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['on', true],
  ['no', false],
  ['off', false],
]);

/** Decodes true or false. */
export const decodeBool: ValueDecoder = (node, walk) => {
  if (node.kind === 'scalar') {
    if (typeof node.value === 'boolean') return node.value;
    const old = node.plain === undefined ? undefined : oldBooleans.get(node.plain.toLowerCase());
    if (old !== undefined) return old;
  }
  return wrong(walk, node, `expected true or false, found ${describeNode(node)}`);
};

const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Decodes base64 text. */
export const decodeBytes: ValueDecoder = (node, walk) => {
  if (node.kind !== 'scalar' || typeof node.value !== 'string')
    return wrong(walk, node, `expected base64 text, found ${describeNode(node)}`);
  const text = node.value.replace(/\s+/g, '');
  if (!base64.test(text)) return wrong(walk, node, 'expected base64 text, found other characters');
  return new Uint8Array(Buffer.from(text, 'base64'));
};

/** Decoder of a protobuf scalar type. */
export function scalarDecoder(type: string): ValueDecoder {
  if (integerBounds.has(type)) return integerDecoder(type);
  if (type === 'double' || type === 'float') return decodeNumber;
  if (type === 'bool') return decodeBool;
  return type === 'bytes' ? decodeBytes : decodeString;
}

/** Decoder of an enum: by name, or by number as the API server of Istio takes it. */
export function enumDecoder(values: ReadonlyMap<string, number>): ValueDecoder {
  const numbers = new Set(values.values());
  const names = [...values.keys()];
  return (node, walk) => {
    const value = node.kind === 'scalar' ? node.value : undefined;
    if (typeof value === 'number') {
      return numbers.has(value)
        ? value
        : wrong(walk, node, `${value} is none of its values: ${names.join(', ')}`);
    }
    if (typeof value !== 'string') {
      return wrong(walk, node, `expected one of ${names.join(', ')}, found ${describeNode(node)}`);
    }
    return (
      values.get(value) ??
      wrong(walk, node, `"${value}" is none of its values: ${names.join(', ')}`, didYouMean(value, names))
    );
  };
}
