import { describeMessage, type google_protobuf_Struct, type MessageName, structJson } from '@lateen/protos';
import { keySegment } from '../node.ts';
import type { Report } from '../report.ts';

/** Filter names before Envoy 1.14, with today's. Source: Envoy extension name changes. */
const renamedFilters: ReadonlyMap<string, string> = new Map([
  ['envoy.http_connection_manager', 'envoy.filters.network.http_connection_manager'],
  ['envoy.tcp_proxy', 'envoy.filters.network.tcp_proxy'],
  ['envoy.redis_proxy', 'envoy.filters.network.redis_proxy'],
  ['envoy.mongo_proxy', 'envoy.filters.network.mongo_proxy'],
  ['envoy.ratelimit', 'envoy.filters.network.ratelimit'],
  ['envoy.ext_authz', 'envoy.filters.http.ext_authz'],
  ['envoy.router', 'envoy.filters.http.router'],
  ['envoy.cors', 'envoy.filters.http.cors'],
  ['envoy.fault', 'envoy.filters.http.fault'],
  ['envoy.lua', 'envoy.filters.http.lua'],
  ['envoy.rate_limit', 'envoy.filters.http.ratelimit'],
  ['envoy.buffer', 'envoy.filters.http.buffer'],
  ['envoy.gzip', 'envoy.filters.http.gzip'],
  ['envoy.grpc_web', 'envoy.filters.http.grpc_web'],
  ['envoy.listener.tls_inspector', 'envoy.filters.listener.tls_inspector'],
  ['envoy.listener.http_inspector', 'envoy.filters.listener.http_inspector'],
  ['envoy.listener.original_dst', 'envoy.filters.listener.original_dst'],
]);

/** Today's name of a filter whose old name is still seen. */
export function oldFilterName(name: string): string | undefined {
  return renamedFilters.get(name);
}

/**
 * Reports values of a patch whose JSON type can't be that of the field it names. Lenient about what it doesn't know:
 * fields of newer Envoys, opened `Any`s and well-known types are the proxy's to judge.
 */
export function checkPatchValue(
  name: MessageName,
  value: google_protobuf_Struct,
  { path, report }: { path: string; report: Report },
): void {
  const visit = (message: MessageName, json: { [key: string]: unknown }, at: string): void => {
    if (message.startsWith('google.protobuf.')) return;
    const { fields } = describeMessage(message);
    for (const [key, child] of Object.entries(json)) {
      const field = fields.get(key);
      if (!field || child === null) continue;
      const where = `${at}${keySegment(key)}`;
      if (field.mapKey !== undefined) continue;
      const children = field.repeated ? child : [child];
      if (!Array.isArray(children)) {
        report.error(where, `expected a list of ${message}.${field.name}`);
        continue;
      }
      for (const one of children as readonly unknown[]) {
        if (field.value.kind === 'message') {
          if (typeof one === 'object' && one !== null && !Array.isArray(one))
            visit(field.value.name, one as { [key: string]: unknown }, where);
          else if (!field.value.name.startsWith('google.protobuf.'))
            report.error(where, `expected a mapping for ${message}.${field.name}`);
        } else if (
          field.value.kind === 'scalar' &&
          field.value.type === 'string' &&
          typeof one !== 'string'
        ) {
          report.error(where, `expected text for ${message}.${field.name}`);
        } else if (field.value.kind === 'scalar' && field.value.type === 'bool' && typeof one !== 'boolean') {
          report.error(where, `expected true or false for ${message}.${field.name}`);
        }
      }
    }
  };
  visit(name, structJson(value), path);
}
