import type { ConfigObject } from '@lateen/config-schema';
import type {
  istio_mixer_v1_config_client_QuotaSpec,
  istio_mixer_v1_config_client_QuotaSpecBinding,
  istio_networking_v1alpha3_DestinationRule,
  istio_networking_v1alpha3_EnvoyFilter,
  istio_networking_v1alpha3_Gateway,
  istio_networking_v1alpha3_ServiceEntry,
  istio_networking_v1alpha3_Sidecar,
  istio_networking_v1alpha3_VirtualService,
  istio_networking_v1alpha3_WorkloadEntry,
  istio_policy_v1beta1_Handler,
  istio_policy_v1beta1_Instance,
  istio_policy_v1beta1_Rule,
  istio_security_v1beta1_AuthorizationPolicy,
  istio_security_v1beta1_PeerAuthentication,
  istio_security_v1beta1_RequestAuthentication,
  k8s_io_api_core_v1_ConfigMap,
} from '@lateen/protos';

/** All config at one revision, as MCP delivers it. */
export interface ConfigSnapshot {
  readonly revision: number;
  /** Objects by collection, then by `namespace/name`. */
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, ConfigObject>>;
}

/** `k8s.io.api.core.v1.ServiceSpec`, the fields that the mesh reads. */
export interface ServiceSpec {
  readonly ports?: readonly ServiceSpecPort[] | undefined;
  readonly selector?: { readonly [key: string]: string } | undefined;
  readonly clusterIP?: string | undefined;
  readonly clusterIPs?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly externalName?: string | undefined;
}

/** `k8s.io.api.core.v1.ServicePort`. */
export interface ServiceSpecPort {
  readonly name?: string | undefined;
  readonly protocol?: string | undefined;
  readonly appProtocol?: string | undefined;
  readonly port?: number | undefined;
  readonly targetPort?: IntOrString | number | string | undefined;
}

/** `k8s.io.apimachinery.pkg.util.intstr.IntOrString`: type 0 is a number, 1 a string. */
interface IntOrString {
  readonly type?: number | undefined;
  readonly intVal?: number | undefined;
  readonly strVal?: string | undefined;
}

/** Spec type by collection, for the collections that the compiler reads. */
export interface SpecByCollection {
  'istio/networking/v1alpha3/virtualservices': istio_networking_v1alpha3_VirtualService;
  'istio/networking/v1alpha3/destinationrules': istio_networking_v1alpha3_DestinationRule;
  'istio/networking/v1alpha3/gateways': istio_networking_v1alpha3_Gateway;
  'istio/networking/v1alpha3/serviceentries': istio_networking_v1alpha3_ServiceEntry;
  'istio/networking/v1alpha3/envoyfilters': istio_networking_v1alpha3_EnvoyFilter;
  'istio/networking/v1alpha3/sidecars': istio_networking_v1alpha3_Sidecar;
  'istio/networking/v1alpha3/workloadentries': istio_networking_v1alpha3_WorkloadEntry;
  'istio/security/v1beta1/peerauthentications': istio_security_v1beta1_PeerAuthentication;
  'istio/security/v1beta1/requestauthentications': istio_security_v1beta1_RequestAuthentication;
  'istio/security/v1beta1/authorizationpolicies': istio_security_v1beta1_AuthorizationPolicy;
  'istio/policy/v1beta1/rules': istio_policy_v1beta1_Rule;
  'istio/policy/v1beta1/handlers': istio_policy_v1beta1_Handler;
  'istio/policy/v1beta1/instances': istio_policy_v1beta1_Instance;
  'istio/mixer/v1/config/client/quotaspecs': istio_mixer_v1_config_client_QuotaSpec;
  'istio/mixer/v1/config/client/quotaspecbindings': istio_mixer_v1_config_client_QuotaSpecBinding;
  'k8s/core/v1/services': ServiceSpec;
  'k8s/core/v1/configmaps': k8s_io_api_core_v1_ConfigMap;
}

/** Objects of one collection, the oldest first, then by name and namespace: the order in which Istio lets them win. */
export function objectsOf<C extends keyof SpecByCollection>(
  snapshot: ConfigSnapshot,
  collection: C,
): ConfigObject<SpecByCollection[C]>[] {
  // Galley decoded each collection's specs with the message that SpecByCollection names for it.
  const objects = [...(snapshot.objects.get(collection)?.values() ?? [])] as ConfigObject<
    SpecByCollection[C]
  >[];
  return objects.sort((a, b) => compareByAge(a.metadata, b.metadata));
}

/** One object by `namespace/name`. */
export function findObject<C extends keyof SpecByCollection>(
  snapshot: ConfigSnapshot,
  collection: C,
  name: string,
): ConfigObject<SpecByCollection[C]> | undefined {
  // As in objectsOf.
  return snapshot.objects.get(collection)?.get(name) as ConfigObject<SpecByCollection[C]> | undefined;
}

function compareByAge(a: ConfigObject['metadata'], b: ConfigObject['metadata']): number {
  const ageA = a.creationTimestamp ?? '';
  const ageB = b.creationTimestamp ?? '';
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : 0;
}

/** Key of an object in problems: `collection ns/name`. */
export function objectKey(
  collection: string,
  object: { metadata: { namespace: string; name: string } },
): string {
  return `${collection} ${object.metadata.namespace}/${object.metadata.name}`;
}
