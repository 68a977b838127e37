export type * from '../generated/types.ts';
export {
  anyName,
  decode,
  encode,
  enumName,
  enumOf,
  fromJson,
  isMessageName,
  type MessageName,
  packAny,
  toJson,
  typeUrl,
  unpackAny,
} from './codec.ts';
export {
  describeMessage,
  type FieldDescriptor,
  type FieldKind,
  type MessageDescriptor,
} from './descriptor.ts';
export { durationMs, durationOf, timestampMs, timestampOf } from './duration.ts';
export { type Json, structJson, structOf } from './struct.ts';
