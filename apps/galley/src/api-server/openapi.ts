import { createHash } from 'node:crypto';
import { type KindDefinition, kinds } from '@lateen/config-schema';
import { describeMessage, type FieldDescriptor, type FieldKind, type MessageName } from '@lateen/protos';

type Schema = { readonly [keyword: string]: unknown };

const text: Schema = { type: 'string' };
const wellKnown: ReadonlyMap<string, Schema> = new Map<string, Schema>([
  ['google.protobuf.Duration', { type: 'string', description: 'A duration such as 1.5s.' }],
  ['google.protobuf.Timestamp', { type: 'string', format: 'date-time' }],
  ['google.protobuf.Struct', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }],
  ['google.protobuf.Value', { 'x-kubernetes-preserve-unknown-fields': true }],
  ['google.protobuf.ListValue', { type: 'array', items: {} }],
  ['google.protobuf.Any', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }],
  ['k8s.io.api.core.v1.IntOrString', { 'x-kubernetes-int-or-string': true }],
  ['google.protobuf.BoolValue', { type: 'boolean' }],
  ['google.protobuf.StringValue', text],
  ...['Int32', 'UInt32', 'Int64', 'UInt64'].map((name): [string, Schema] => [
    `google.protobuf.${name}Value`,
    { type: 'integer' },
  ]),
  ...['Double', 'Float'].map((name): [string, Schema] => [
    `google.protobuf.${name}Value`,
    { type: 'number' },
  ]),
]);

const metaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const textMap: Schema = { type: 'object', additionalProperties: text };
const objectMeta: Schema = {
  type: 'object',
  description: 'Standard metadata of an object.',
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    labels: textMap,
    annotations: textMap,
    creationTimestamp: { type: 'string', format: 'date-time' },
    deletionTimestamp: { type: 'string', format: 'date-time' },
    generation: { type: 'integer' },
    resourceVersion: text,
    uid: text,
    finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    ownerReferences: { type: 'array', items: { type: 'object', additionalProperties: true } },
  },
};

/** Collects the schemas that a document's kinds refer to. */
class Schemas {
  readonly schemas: { [name: string]: Schema } = { [metaName]: objectMeta };

  /** Schema of a kind; answers its name. */
  kind(kind: KindDefinition, version: string): string {
    const name = `${(kind.group || 'core').split('.').toReversed().join('.')}.${version}.${kind.kind}`;
    const properties =
      kind.body === 'root' ? this.#properties(kind.message) : { spec: this.#refTo(kind.message) };
    this.schemas[name] = {
      type: 'object',
      description: `${kind.kind} of ${kind.group || 'Kubernetes'}.`,
      properties: {
        apiVersion: { ...text, description: 'Group and version of the kind.' },
        kind: { ...text, description: 'Name of the kind.' },
        metadata: { allOf: [{ $ref: `#/components/schemas/${metaName}` }], default: {} },
        ...properties,
        status: {
          type: 'object',
          description: 'What the mesh says of the object: conditions Reconciled and Programmed.',
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
      'x-kubernetes-group-version-kind': [{ group: kind.group, version, kind: kind.kind }],
    };
    return name;
  }

  #message(name: MessageName): Schema {
    const known = wellKnown.get(name);
    if (known) return known;
    if (!Object.hasOwn(this.schemas, name)) {
      this.schemas[name] = {}; // a message may hold itself
      this.schemas[name] = { type: 'object', properties: this.#properties(name) };
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** As a property: a reference alone may not say more. */
  #refTo(name: MessageName): Schema {
    const schema = this.#message(name);
    return '$ref' in schema ? { allOf: [schema], default: {} } : schema;
  }

  #properties(name: MessageName): { [field: string]: Schema } {
    const properties: { [field: string]: Schema } = Object.create(null);
    for (const field of new Set(describeMessage(name).fields.values())) {
      properties[field.name] = this.#field(field);
    }
    return properties;
  }

  #field({ value, repeated, mapKey, deprecated, oneof }: FieldDescriptor): Schema {
    const notes = [
      ...(deprecated ? ['Deprecated.'] : []),
      ...(oneof ? [`One of the fields of ${oneof} may be set.`] : []),
    ];
    const description = notes.length > 0 ? { description: notes.join(' ') } : {};
    if (mapKey !== undefined)
      return { type: 'object', additionalProperties: this.#value(value), ...description };
    if (repeated) return { type: 'array', items: this.#value(value), ...description };
    if (value.kind === 'message') return { ...this.#refTo(value.name), ...description };
    return { ...this.#value(value), ...description };
  }

  #value(value: FieldKind): Schema {
    if (value.kind === 'message') return this.#message(value.name);
    if (value.kind === 'enum') return { type: 'string', enum: [...value.values.keys()] };
    switch (value.type) {
      case 'bool':
        return { type: 'boolean' };
      case 'string':
        return text;
      case 'bytes':
        return { type: 'string', format: 'byte' };
      case 'double':
      case 'float':
        return { type: 'number', format: value.type };
      default:
        return { type: 'integer' };
    }
  }
}

const answered = (ref: string) => ({
  '200': {
    description: 'OK',
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${ref}` } } },
  },
});
const query = (name: string) => ({ name, in: 'query', schema: text });

/** kubectl asks for the query parameters of a kind's `patch` before it leaves validation to the server. */
function pathsOf(kind: KindDefinition, version: string, schema: string): { [path: string]: object } {
  const root = kind.group === '' ? `/api/${version}` : `/apis/${kind.group}/${version}`;
  const collection = `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
  const gvk = { group: kind.group, version, kind: kind.kind };
  const operation = (action: string, parameters: readonly string[] = []) => ({
    responses: answered(schema),
    parameters: parameters.map(query),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  });
  const write = ['dryRun', 'fieldManager', 'fieldValidation'];
  return {
    [collection]: {
      get: operation('list', ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion']),
      post: operation('post', write),
      delete: operation('deletecollection', ['labelSelector', 'fieldSelector', 'dryRun']),
    },
    [`${collection}/{name}`]: {
      get: operation('get'),
      put: operation('put', write),
      patch: operation('patch', [...write, 'force']),
      delete: operation('delete', ['dryRun']),
    },
  };
}

const documents = new Map<string, string>();

/** OpenAPI document of a group and version, as text. */
function documentOf(group: string, version: string): string {
  const id = `${group}/${version}`;
  const known = documents.get(id);
  if (known) return known;
  const collected = new Schemas();
  const paths: { [path: string]: object } = {};
  for (const kind of kinds.filter((each) => each.group === group && each.versions.includes(version)))
    Object.assign(paths, pathsOf(kind, version, collected.kind(kind, version)));
  const document = JSON.stringify({
    openapi: '3.0.0',
    info: { title: 'Lateen galley', version: 'v1' },
    paths,
    components: { schemas: collected.schemas },
  });
  documents.set(id, document);
  return document;
}

/**
 * Text of `/openapi/v3` or of a group's document below it, generated from the kinds' messages; `undefined` for other paths.
 * Source: Kubernetes, "OpenAPI V3"; a group's URL carries a hash, so that clients may keep it.
 */
export function openApiOf(path: string): string | undefined {
  if (path === '/openapi/v3') {
    const paths: { [name: string]: object } = {};
    for (const { group, versions } of kinds) {
      for (const version of versions) {
        const name = group === '' ? `api/${version}` : `apis/${group}/${version}`;
        if (Object.hasOwn(paths, name)) continue;
        const hash = createHash('sha256').update(documentOf(group, version)).digest('hex').slice(0, 32);
        paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` };
      }
    }
    return JSON.stringify({ paths });
  }
  const [, group, version] = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
  if (version === undefined) return undefined;
  const served = kinds.some((kind) => kind.group === (group ?? '') && kind.versions.includes(version));
  return served ? documentOf(group ?? '', version) : undefined;
}
