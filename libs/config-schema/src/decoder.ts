import {
  decode,
  describeMessage,
  type FieldDescriptor,
  type FieldKind,
  type MessageName,
  type Messages,
} from '@lateen/protos';
import { describeNode, keySegment, type MapEntry, type MapNode, type Node } from './node.ts';
import type { Report } from './report.ts';
import { type RetiredField, retiredFields, successors } from './retired-field.ts';
import { enumDecoder, scalarDecoder } from './scalar-decoder.ts';
import { didYouMean } from './suggestion.ts';
import type { Severity } from './violation.ts';
import { isNull, pathOf, type ValueDecoder, type Walk, wrong } from './walk.ts';
import { wellKnown } from './well-known-decoder.ts';

interface FieldPlan {
  readonly descriptor: FieldDescriptor;
  readonly segment: string;
  readonly decodeValue: ValueDecoder;
  /** What to write instead of a deprecated field, when that is known. */
  readonly successor: string | undefined;
}

interface MessagePlan {
  readonly fields: ReadonlyMap<string, FieldPlan>;
  readonly prototype: object;
  readonly names: readonly string[];
  readonly retired: ReadonlyMap<string, RetiredField> | undefined;
}

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
    const successor = successors.get(`${name}.${descriptor.name}`);
    fields.set(key, {
      descriptor,
      segment: `.${descriptor.name}`,
      decodeValue,
      successor: successor && `write ${successor}`,
    });
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
        hint: field.successor,
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
): Messages[N] {
  const path = options.path ? [`.${options.path}`] : [];
  const walk: Walk = { path, report: options.report, unknown: options.unknownFields ?? 'error' };
  const decoder = valueDecoder({ kind: 'message', name });
  const empty: MapNode = { kind: 'map', offset: node.offset, entries: [] };
  const value = isNull(node) ? decoder(empty, walk) : decoder(node, walk);
  return (value ?? decoder(empty, walk)) as Messages[N];
}
