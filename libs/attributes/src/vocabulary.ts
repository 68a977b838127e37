import type { istio_policy_v1beta1_AttributeManifest } from '@lateen/protos';
import { type ValueType, valueTypeOf } from './value.ts';

/** Attribute names with their types: what expressions may speak of. */
export type Vocabulary = ReadonlyMap<string, ValueType>;

/** Names and types of attribute manifests together; a later manifest wins. Attributes without a type are left out. */
export function vocabularyOf(
  manifests: Iterable<istio_policy_v1beta1_AttributeManifest>,
): Map<string, ValueType> {
  const vocabulary = new Map<string, ValueType>();
  for (const manifest of manifests) {
    const attributes = manifest.attributes ?? {};
    for (const name of Object.keys(attributes)) {
      const type = valueTypeOf(attributes[name]!.valueType);
      if (type) vocabulary.set(name, type);
    }
  }
  return vocabulary;
}

const byType: Readonly<Partial<Record<ValueType, string>>> = {
  STRING: `
    source.uid source.name source.namespace source.principal source.owner source.workload.uid source.workload.name
    source.workload.namespace source.service source.services source.serviceAccount source.user
    destination.uid destination.name destination.namespace destination.principal destination.owner
    destination.workload.uid destination.workload.name destination.workload.namespace destination.container.name
    destination.container.image destination.service destination.service.host destination.service.uid
    destination.service.name destination.service.namespace destination.serviceAccount destination.user
    origin.uid origin.user
    request.id request.path request.url_path request.host request.method request.reason request.referer request.scheme
    request.useragent request.api_key request.auth.principal request.auth.audiences request.auth.presenter
    request.auth.raw_claims
    response.grpc_status response.grpc_message
    connection.id connection.event connection.requested_server_name
    context.protocol context.reporter.kind context.reporter.uid context.reporter.type context.proxy_error_code
    context.proxy_version
    api.service api.version api.operation api.protocol
    check.error_message rbac.permissive.response_code rbac.permissive.effective_policy_id`,
  INT64: `
    source.port destination.port request.size request.total_size response.size response.total_size response.code
    connection.received.bytes connection.received.bytes_total connection.sent.bytes connection.sent.bytes_total
    check.error_code`,
  BOOL: 'connection.mtls context.reporter.local check.cache_hit quota.cache_hit',
  TIMESTAMP: 'request.time response.time context.time context.timestamp',
  DURATION: 'response.duration connection.duration',
  IP_ADDRESS: 'source.ip destination.ip origin.ip',
  STRING_MAP: `
    source.labels source.metadata destination.labels destination.metadata request.headers request.query_params
    request.auth.claims response.headers`,
};

/**
 * The attributes that proxies send and the environment adds, as Istio's `istioproxy` and `kubernetes` manifests list
 * them. Source: istio/istio `mixer/testdata/config/attributes.yaml`.
 */
export const standardVocabulary: Vocabulary = new Map(
  Object.entries(byType).flatMap(([type, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name): [string, ValueType] => [name, type as ValueType]),
  ),
);
