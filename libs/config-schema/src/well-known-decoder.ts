import { type Json, structOf } from '@lateen/protos';
import { parseDuration, parseTimestamp } from './duration.ts';
import { describeNode, jsonOfNode } from './node.ts';
import { decodeBool, decodeBytes, decodeNumber, decodeString, integerDecoder } from './scalar-decoder.ts';
import { type ValueDecoder, wrong } from './walk.ts';

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
export const wellKnown: ReadonlyMap<string, ValueDecoder> = new Map<string, ValueDecoder>([
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
