import type { KindDefinition } from './kind.ts';
import { adapter } from './kinds/adapter.ts';
import { attributeManifest } from './kinds/attribute-manifest.ts';
import { authorizationPolicy } from './kinds/authorization-policy.ts';
import { clusterRbacConfig } from './kinds/cluster-rbac-config.ts';
import { configMap } from './kinds/config-map.ts';
import { destinationRule } from './kinds/destination-rule.ts';
import { envoyFilter } from './kinds/envoy-filter.ts';
import { gateway } from './kinds/gateway.ts';
import { handler } from './kinds/handler.ts';
import { httpApiSpec } from './kinds/http-api-spec.ts';
import { httpApiSpecBinding } from './kinds/http-api-spec-binding.ts';
import { instance } from './kinds/instance.ts';
import { meshPolicy } from './kinds/mesh-policy.ts';
import { namespace } from './kinds/namespace.ts';
import { peerAuthentication } from './kinds/peer-authentication.ts';
import { policy } from './kinds/policy.ts';
import { proxyConfig } from './kinds/proxy-config.ts';
import { quotaSpec } from './kinds/quota-spec.ts';
import { quotaSpecBinding } from './kinds/quota-spec-binding.ts';
import { rbacConfig } from './kinds/rbac-config.ts';
import { requestAuthentication } from './kinds/request-authentication.ts';
import { rule } from './kinds/rule.ts';
import { secret } from './kinds/secret.ts';
import { service } from './kinds/service.ts';
import { serviceEntry } from './kinds/service-entry.ts';
import { serviceRole } from './kinds/service-role.ts';
import { serviceRoleBinding } from './kinds/service-role-binding.ts';
import { sidecar } from './kinds/sidecar.ts';
import { telemetry } from './kinds/telemetry.ts';
import { template } from './kinds/template.ts';
import { trafficExtension } from './kinds/traffic-extension.ts';
import { virtualService } from './kinds/virtual-service.ts';
import { wasmPlugin } from './kinds/wasm-plugin.ts';
import { workloadEntry } from './kinds/workload-entry.ts';
import { workloadGroup } from './kinds/workload-group.ts';

/** Every kind that is stored and distributed. */
export const kinds: readonly KindDefinition[] = [
  virtualService,
  destinationRule,
  gateway,
  serviceEntry,
  sidecar,
  workloadEntry,
  workloadGroup,
  envoyFilter,
  proxyConfig,
  peerAuthentication,
  requestAuthentication,
  authorizationPolicy,
  telemetry,
  wasmPlugin,
  trafficExtension,
  rule,
  handler,
  instance,
  template,
  adapter,
  attributeManifest,
  quotaSpec,
  quotaSpecBinding,
  httpApiSpec,
  httpApiSpecBinding,
  policy,
  meshPolicy,
  serviceRole,
  serviceRoleBinding,
  rbacConfig,
  clusterRbacConfig,
  service,
  namespace,
  configMap,
  secret,
];

/** Group and version of an `apiVersion`: `networking.istio.io/v1` or, for core, `v1`. */
export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.lastIndexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** The `apiVersion` that a kind's objects are written with by preference. */
export function preferredApiVersion(definition: KindDefinition): string {
  const version = definition.versions[0] ?? 'v1';
  return definition.group === '' ? version : `${definition.group}/${version}`;
}

const byGroupKind = new Map(
  kinds.map((definition) => [`${definition.group}/${definition.kind}`, definition]),
);
const byGroupPlural = new Map(
  kinds.map((definition) => [`${definition.group}/${definition.plural}`, definition]),
);
const byCollection = new Map(kinds.map((definition) => [definition.collection, definition]));

/** Groups whose kinds are all known here: another kind in one of them is a mistake. Core is Kubernetes' and isn't. */
export const ownedGroups: ReadonlySet<string> = new Set(
  kinds.map((definition) => definition.group).filter((group) => group !== ''),
);

/** Kind by `apiVersion` (of any served version) and `kind`, or `undefined`. */
export function kindByName(apiVersion: string, kind: string): KindDefinition | undefined {
  const { group, version } = splitApiVersion(apiVersion);
  const definition = byGroupKind.get(`${group}/${kind}`);
  return definition?.versions.includes(version) ? definition : undefined;
}

/** Kind by group and kind, whatever the version. */
export function kindInGroup(group: string, kind: string): KindDefinition | undefined {
  return byGroupKind.get(`${group}/${kind}`);
}

/** Kind by the words of an API path: group (empty for core), served version, plural. */
export function kindByPlural(group: string, version: string, plural: string): KindDefinition | undefined {
  const definition = byGroupPlural.get(`${group}/${plural}`);
  return definition?.versions.includes(version) ? definition : undefined;
}

/** Kind by MCP collection. */
export function kindByCollection(collection: string): KindDefinition | undefined {
  return byCollection.get(collection);
}
