import { anyName, decode, type istio_mcp_v1alpha1_Resource, type Messages, packAny } from '@lateen/protos';
import { LateenError } from '@lateen/runtime';
import { formatTimestamp, parseTimestamp } from './duration.ts';
import { definitionOf } from './object-json.ts';
import type { ConfigObject } from './object.ts';
import { kindByCollection, preferredApiVersion } from './registry.ts';

/** Annotation that carries the API version an object was written with, since MCP has no field for it. */
const apiVersionAnnotation = 'lateen.io/api-version';

/**
 * MCP resource of an object: name `namespace/name` (`/name` for cluster-scoped kinds), version its resourceVersion, body
 * an `Any` of the kind's message. @throws LateenError LTN_CONFIG_KIND_UNKNOWN.
 */
export function toMcpResource(object: ConfigObject): istio_mcp_v1alpha1_Resource {
  const definition = definitionOf(object);
  const { metadata } = object;
  const createTime =
    metadata.creationTimestamp === undefined ? undefined : parseTimestamp(metadata.creationTimestamp);
  const annotations: { [key: string]: string } = Object.assign(Object.create(null), metadata.annotations);
  if (object.apiVersion !== preferredApiVersion(definition))
    annotations[apiVersionAnnotation] = object.apiVersion;
  return {
    metadata: {
      name: `${metadata.namespace}/${metadata.name}`,
      version: metadata.resourceVersion ?? '',
      labels: metadata.labels,
      annotations,
      ...(createTime ? { createTime } : {}),
    },
    body: packAny(definition.message, object.spec as Messages[typeof definition.message]),
  };
}

function copied(map: { [key: string]: string } | undefined): { [key: string]: string } {
  return Object.assign(Object.create(null), map) as { [key: string]: string };
}

/**
 * Object of an MCP resource of a collection. Its contents are trusted: the source validated them.
 * @throws LateenError LTN_CONFIG_RESOURCE_INVALID when the collection is unknown or the body is another message.
 */
export function fromMcpResource(collection: string, resource: istio_mcp_v1alpha1_Resource): ConfigObject {
  const invalid = (reason: string, cause?: unknown): LateenError =>
    new LateenError(`${collection} ${resource.metadata?.name ?? '(no name)'}: ${reason}`, {
      code: 'LTN_CONFIG_RESOURCE_INVALID',
      origin: 'peer',
      cause,
    });
  const definition = kindByCollection(collection);
  if (!definition) throw invalid('the collection is unknown');
  const { metadata, body } = resource;
  const fullName = metadata?.name ?? '';
  const slash = fullName.indexOf('/');
  if (slash < 0 || slash === fullName.length - 1) throw invalid('expected a name of the form namespace/name');
  if (!body || anyName(body) !== definition.message)
    throw invalid(`expected a body of ${definition.message}, found ${body ? anyName(body) : 'none'}`);
  let spec: unknown;
  try {
    spec = decode(definition.message, body.value ?? new Uint8Array());
  } catch (error) {
    throw invalid('the body is broken', error);
  }
  const annotations = copied(metadata?.annotations);
  const apiVersion = annotations[apiVersionAnnotation] ?? preferredApiVersion(definition);
  delete annotations[apiVersionAnnotation];
  return {
    apiVersion,
    kind: definition.kind,
    metadata: {
      name: fullName.slice(slash + 1),
      namespace: fullName.slice(0, slash),
      labels: copied(metadata?.labels),
      annotations,
      ...(metadata?.createTime ? { creationTimestamp: formatTimestamp(metadata.createTime) } : {}),
      ...(metadata?.version ? { resourceVersion: metadata.version } : {}),
    },
    spec,
  };
}
