import {
  decode,
  describeMessage,
  type FieldDescriptor,
  type FieldKind,
  type MessageName,
  structOf,
  type Json,
} from '@lateen/protos';
import { parseDuration, parseTimestamp } from './duration.ts';
import { describeNode, jsonOfNode, keySegment, type MapEntry, type MapNode, type Node } from './node.ts';
import type { Report } from './report.ts';
import { didYouMean } from './suggestion.ts';
import { type RetiredField, retiredFields } from './retired-field.ts';
import type { Severity } from './violation.ts';

/** Where the walk stands: the path's segments, formatted already. */
interface Walk {
  readonly path: string[];
  readonly report: Report;
  /** Severity of unknown fields: an error everywhere but in mesh config, whose fields come and go with releases. */
  readonly unknown: Severity;
}

/** Value of a node, or `undefined` when it is null or was found wrong (and reported). */
type ValueDecoder = (node: Node, walk: Walk) => unknown;

interface FieldPlan {
  readonly descriptor: FieldDescriptor;
  readonly segment: string;
  readonly decodeValue: ValueDecoder;
}

interface MessagePlan {
  readonly fields: ReadonlyMap<string, FieldPlan>;
  readonly prototype: object;
  readonly names: readonly string[];
  readonly retired: ReadonlyMap<string, RetiredField> | undefined;
}

function pathOf(walk: Walk): string {
  const path = walk.path.join('');
  return path.startsWith('.') ? path.slice(1) : path;
}

function wrong(walk: Walk, node: Node, message: string, hint?: string): undefined {
  walk.report.at('error', { path: pathOf(walk), message, offset: node.offset, hint });
  return undefined;
}

function isNull(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null;
}

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

function integerDecoder(type: string): ValueDecoder {
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

const decodeNumber: ValueDecoder = (node, walk) => {
  const value = node.kind === 'scalar' ? node.value : undefined;
  const number = typeof value === 'string' ? specialNumbers.get(value) : value;
  return typeof number === 'number'
    ? number
    : wrong(walk, node, `expected a number, found ${describeNode(node)}`);
};

const decodeString: ValueDecoder = (node, walk) => {
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

const decodeBool: ValueDecoder = (node, walk) => {
  if (node.kind === 'scalar') {
    if (typeof node.value === 'boolean') return node.value;
    const old = node.plain === undefined ? undefined : oldBooleans.get(node.plain.toLowerCase());
    if (old !== undefined) return old;
  }
  return wrong(walk, node, `expected true or false, found ${describeNode(node)}`);
};

const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

const decodeBytes: ValueDecoder = (node, walk) => {
  if (node.kind !== 'scalar' || typeof node.value !== 'string')
    return wrong(walk, node, `expected base64 text, found ${describeNode(node)}`);
  const text = node.value.replace(/\s+/g, '');
  if (!base64.test(text)) return wrong(walk, node, 'expected base64 text, found other characters');
  return new Uint8Array(Buffer.from(text, 'base64'));
};

function scalarDecoder(type: string): ValueDecoder {
  if (integerBounds.has(type)) return integerDecoder(type);
  if (type === 'double' || type === 'float') return decodeNumber;
  if (type === 'bool') return decodeBool;
  return type === 'bytes' ? decodeBytes : decodeString;
}

function enumDecoder(values: ReadonlyMap<string, number>): ValueDecoder {
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

const decodeDuration: ValueDecoder = (node, walk) => {
  const value = node.kind === 'scalar' ? node.value : undefined;
  const duration = typeof value === 'string' ? parseDuration(value) : undefined;
  if (duration) return duration;
  const hint = typeof value === 'number' ? `write ${value}s for seconds` : undefined;
  return wrong(
    walk,
    node,
    `expected a duration such as 1.5s, 100ms or 1h, found ${describeNode(node)}`,
    hint,
  );
};

const decodeTimestamp: ValueDecoder = (node, walk) => {
  const value = node.kind === 'scalar' ? node.value : undefined;
  const timestamp = typeof value === 'string' ? parseTimestamp(value) : undefined;
  return (
    timestamp ??
    wrong(walk, node, `expected a time such as 2024-01-31T12:00:00Z, found ${describeNode(node)}`)
  );
};

const decodeStruct: ValueDecoder = (node, walk) =>
  node.kind === 'map'
    ? structOf(jsonOfNode(node) as { [key: string]: Json })
    : wrong(walk, node, `expected a mapping, found ${describeNode(node)}`);

const decodeAnyValue: ValueDecoder = (node) => structOf({ value: jsonOfNode(node) as Json }).fields?.value;

const decodeListValue: ValueDecoder = (node, walk) =>
  node.kind === 'list'
    ? structOf({ value: jsonOfNode(node) as Json }).fields?.value?.listValue
    : wrong(walk, node, `expected a list, found ${describeNode(node)}`);

const decodeIntOrString: ValueDecoder = (node, walk) => {
  const value = node.kind === 'scalar' ? node.value : undefined;
  if (typeof value === 'string') return { type: 1, strVal: value };
  if (typeof value === 'number') {
    const intVal = integerDecoder('int32')(node, walk);
    return intVal === undefined ? undefined : { type: 0, intVal };
  }
  return wrong(walk, node, `expected a number or a name, found ${describeNode(node)}`);
};

function wrapper(inner: ValueDecoder): ValueDecoder {
  return (node, walk) => {
    const value = inner(node, walk);
    return value === undefined ? undefined : { value };
  };
}

/** Messages whose JSON isn't a mapping of their fields. Source: proto3 JSON mapping; Kubernetes IntOrString. */
const wellKnown: ReadonlyMap<string, ValueDecoder> = new Map<string, ValueDecoder>([
  ['google.protobuf.Duration', decodeDuration],
  ['google.protobuf.Timestamp', decodeTimestamp],
  ['google.protobuf.Struct', decodeStruct],
  ['google.protobuf.Value', decodeAnyValue],
  ['google.protobuf.ListValue', decodeListValue],
  ['google.protobuf.BoolValue', wrapper(decodeBool)],
  ['google.protobuf.StringValue', wrapper(decodeString)],
  ['google.protobuf.BytesValue', wrapper(decodeBytes)],
  ['google.protobuf.Int32Value', wrapper(integerDecoder('int32'))],
  ['google.protobuf.UInt32Value', wrapper(integerDecoder('uint32'))],
  ['google.protobuf.Int64Value', wrapper(integerDecoder('int64'))],
  ['google.protobuf.UInt64Value', wrapper(integerDecoder('uint64'))],
  ['google.protobuf.DoubleValue', wrapper(decodeNumber)],
  ['google.protobuf.FloatValue', wrapper(decodeNumber)],
  ['k8s.io.api.core.v1.IntOrString', decodeIntOrString],
]);

const plans = new Map<MessageName, MessagePlan>();

function valueDecoder(kind: FieldKind): ValueDecoder {
  if (kind.kind === 'scalar') return scalarDecoder(kind.type);
  if (kind.kind === 'enum') return enumDecoder(kind.values);
  const known = wellKnown.get(kind.name);
  if (known) return known;
  // Looked up when first used: messages may contain themselves.
  let plan: MessagePlan | undefined;
  return (node, walk) => {
    plan ??= planOf(kind.name);
    return node.kind === 'map'
      ? decodeFields(plan, node, walk)
      : wrong(walk, node, `expected a mapping, found ${describeNode(node)}`);
  };
}

const mapKeys: ReadonlyMap<string, RegExp> = new Map([
  ['bool', /^(true|false)$/],
  ['string', /^/],
]);

function mapDecoder(keyType: string, value: ValueDecoder): ValueDecoder {
  const keyForm = mapKeys.get(keyType) ?? /^-?\d{1,16}$/;
  return (node, walk) => {
    if (node.kind !== 'map') return wrong(walk, node, `expected a mapping, found ${describeNode(node)}`);
    const result: { [key: string]: unknown } = Object.create(null);
    for (const entry of node.entries) {
      walk.path.push(keySegment(entry.key));
      if (!keyForm.test(entry.key)) {
        walk.report.at('error', {
          path: pathOf(walk),
          message: 'expected a number as key',
          offset: entry.keyOffset,
        });
      } else if (isNull(entry.value)) {
        wrong(walk, entry.value, 'expected a value, found nothing');
      } else {
        const decoded = value(entry.value, walk);
        if (decoded !== undefined) result[entry.key] = decoded;
      }
      walk.path.pop();
    }
    return result;
  };
}

function listDecoder(value: ValueDecoder): ValueDecoder {
  return (node, walk) => {
    if (node.kind !== 'list')
      return wrong(walk, node, `expected a list, found ${describeNode(node)}`, 'start each item with "- "');
    const result: unknown[] = [];
    for (let index = 0; index < node.items.length; index++) {
      const item = node.items[index];
      if (!item) continue;
      walk.path.push(`[${index}]`);
      if (isNull(item)) wrong(walk, item, 'expected a value, found nothing');
      else {
        const decoded = value(item, walk);
        if (decoded !== undefined) result.push(decoded);
      }
      walk.path.pop();
    }
    return result;
  };
}

function planOf(name: MessageName): MessagePlan {
  const known = plans.get(name);
  if (known) return known;
  const fields = new Map<string, FieldPlan>();
  const names: string[] = [];
  for (const [key, descriptor] of describeMessage(name).fields) {
    if (key !== descriptor.name && fields.has(descriptor.name)) {
      fields.set(key, fields.get(descriptor.name) as FieldPlan);
      continue;
    }
    const one = valueDecoder(descriptor.value);
    const decodeValue =
      descriptor.mapKey !== undefined
        ? mapDecoder(descriptor.mapKey, one)
        : descriptor.repeated
          ? listDecoder(one)
          : one;
    fields.set(key, { descriptor, segment: `.${descriptor.name}`, decodeValue });
    names.push(descriptor.name);
  }
  // A message decoded from no bytes has the prototype that answers proto3's defaults for absent fields.
  const prototype = Object.getPrototypeOf(decode(name, new Uint8Array())) as object;
  const plan = { fields, prototype, names, retired: retiredFields.get(name) };
  plans.set(name, plan);
  return plan;
}

function unknownField(plan: MessagePlan, entry: MapEntry, walk: Walk): void {
  walk.report.at(walk.unknown, {
    path: pathOf(walk),
    message: `unknown field "${entry.key.length > 80 ? `${entry.key.slice(0, 80)}…` : entry.key}"`,
    offset: entry.keyOffset,
    hint: didYouMean(entry.key, plan.names),
  });
}

/** Decodes a field that the API dropped as the one that took its place, and warns. */
function decodeRetired(
  plan: MessagePlan,
  entry: MapEntry,
  { walk, result }: { walk: Walk; result: { [key: string]: unknown } },
): void {
  const retired = plan.retired?.get(entry.key);
  const field = retired && plan.fields.get(retired.successor);
  if (!retired || !field) return;
  walk.path.push(keySegment(entry.key));
  const hint = `write ${retired.successor}`;
  walk.report.at('warning', {
    path: pathOf(walk),
    message: `"${entry.key}" is deprecated`,
    offset: entry.keyOffset,
    hint,
  });
  const value = isNull(entry.value) ? undefined : field.decodeValue(retired.translate(entry.value), walk);
  if (value !== undefined && !Object.hasOwn(result, field.descriptor.name))
    result[field.descriptor.name] = value;
  walk.path.pop();
}

function decodeFields(plan: MessagePlan, node: MapNode, walk: Walk): unknown {
  const result = Object.create(plan.prototype) as { [key: string]: unknown };
  let oneofs: Map<string, string> | undefined;
  for (const entry of node.entries) {
    const field = plan.fields.get(entry.key);
    if (!field && plan.retired?.has(entry.key)) {
      decodeRetired(plan, entry, { walk, result });
      continue;
    }
    if (!field) {
      walk.path.push(keySegment(entry.key));
      unknownField(plan, entry, walk);
      walk.path.pop();
      continue;
    }
    const { descriptor } = field;
    if (
      isNull(entry.value) &&
      !(descriptor.value.kind === 'message' && descriptor.value.name === 'google.protobuf.Value')
    )
      continue;
    walk.path.push(field.segment);
    if (Object.hasOwn(result, descriptor.name)) {
      walk.report.at('error', {
        path: pathOf(walk),
        message: `given twice, as ${descriptor.name} and ${descriptor.protoName}`,
        offset: entry.keyOffset,
      });
    }
    if (descriptor.oneof !== undefined) {
      oneofs ??= new Map();
      const other = oneofs.get(descriptor.oneof);
      if (other !== undefined && other !== descriptor.name) {
        walk.report.at('error', {
          path: pathOf(walk),
          message: `can't stand beside "${other}": only one of the two may be set`,
          offset: entry.keyOffset,
        });
      } else {
        oneofs.set(descriptor.oneof, descriptor.name);
      }
    }
    if (descriptor.deprecated) {
      walk.report.at('warning', {
        path: pathOf(walk),
        message: `"${descriptor.name}" is deprecated`,
        offset: entry.keyOffset,
      });
    }
    const value = field.decodeValue(entry.value, walk);
    if (value !== undefined) result[descriptor.name] = value;
    walk.path.pop();
  }
  return result;
}

/** How a message is decoded. */
export interface DecodeOptions {
  readonly report: Report;
  /** Path of the message in its object, as `spec`. */
  readonly path?: string;
  readonly unknownFields?: Severity;
}

/**
 * Protobuf-shaped message from a node tree. Everything wrong (unknown or repeated fields, types, enum values, oneofs)
 * goes to the report, each with path and place; what is right is in the result. Deprecated fields warn.
 */
export function decodeMessage<N extends MessageName>(
  name: N,
  node: Node,
  options: DecodeOptions,
): import('@lateen/protos').Messages[N] {
  const path = options.path ? [`.${options.path}`] : [];
  const walk: Walk = { path, report: options.report, unknown: options.unknownFields ?? 'error' };
  const decoder = valueDecoder({ kind: 'message', name });
  const empty: MapNode = { kind: 'map', offset: node.offset, entries: [] };
  const value = isNull(node) ? decoder(empty, walk) : decoder(node, walk);
  return (value ?? decoder(empty, walk)) as import('@lateen/protos').Messages[N];
}
