import protobuf from 'protobufjs/light.js';
import { type MessageName, reflect } from './codec.ts';

/** Kind of a field's value, or of a map's or list's element. */
export type FieldKind =
  | { kind: 'scalar'; type: string }
  | { kind: 'enum'; values: ReadonlyMap<string, number> }
  | { kind: 'message'; name: MessageName };

/** One field of a message, as a schema-driven decoder needs it. */
export interface FieldDescriptor {
  /** Name in a decoded message and in proto3 JSON. */
  readonly name: string;
  /** snake_case name of the `.proto` file; proto3 JSON readers take it too. */
  readonly protoName: string;
  readonly id: number;
  readonly value: FieldKind;
  readonly repeated: boolean;
  /** Type of the map's key when the field is a map. */
  readonly mapKey: string | undefined;
  /** Name of the oneof that the field is a member of. */
  readonly oneof: string | undefined;
  readonly deprecated: boolean;
}

/** A message's fields by JSON name and by proto name. */
export interface MessageDescriptor {
  readonly name: MessageName;
  readonly fields: ReadonlyMap<string, FieldDescriptor>;
}

const descriptors = new Map<string, MessageDescriptor>();

function kindOf(field: protobuf.Field): FieldKind {
  const type = field.resolvedType;
  if (type instanceof protobuf.Type) return { kind: 'message', name: type.fullName.slice(1) as MessageName };
  if (type instanceof protobuf.Enum) return { kind: 'enum', values: new Map(Object.entries(type.values)) };
  return { kind: 'scalar', type: field.type };
}

/** Describes a message for decoders that keep positions and report every problem. Cached. */
export function describeMessage(name: MessageName): MessageDescriptor {
  const known = descriptors.get(name);
  if (known) return known;
  const fields = new Map<string, FieldDescriptor>();
  for (const field of reflect(name).fieldsArray) {
    field.resolve();
    const protoName = field.protoName ?? field.name;
    const described: FieldDescriptor = {
      name: field.name,
      protoName,
      id: field.id,
      value: kindOf(field),
      repeated: field.repeated,
      mapKey: field instanceof protobuf.MapField ? field.keyType : undefined,
      oneof: field.partOf && !field.options?.proto3_optional ? field.partOf.name : undefined,
      deprecated: field.options?.deprecated === true,
    };
    fields.set(field.name, described);
    fields.set(protoName, described);
  }
  const descriptor = { name, fields };
  descriptors.set(name, descriptor);
  return descriptor;
}
