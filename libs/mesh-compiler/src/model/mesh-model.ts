import type { ConfigObject } from '@lateen/config-schema';
import { meshConfigOf } from '@lateen/config-schema';
import type {
  istio_mesh_v1alpha1_MeshConfig as MeshConfig,
  istio_networking_v1alpha3_EnvoyFilter as EnvoyFilter,
  istio_networking_v1alpha3_Gateway as GatewaySpec,
  istio_security_v1beta1_AuthorizationPolicy as AuthorizationPolicy,
  istio_security_v1beta1_RequestAuthentication as RequestAuthentication,
} from '@lateen/protos';
import { type DestinationRules, indexDestinationRules } from './destination-rules.ts';
import { indexMixerRules, type MixerRules } from './mixer-rules.ts';
import { indexPeerAuthentications, type PeerAuthentications } from './peer-authentication.ts';
import type { CompileProblem } from './problem.ts';
import type { Proxy } from './proxy.ts';
import { type Endpoint, type Service, type ServicePort, visibleIn } from './service.ts';
import { createServiceRegistry } from './service-registry.ts';
import { type ConfigSnapshot, findObject, objectsOf } from './spec.ts';
import { createSidecarScopes, type SidecarScope } from './sidecar-scope.ts';
import { indexVirtualServices, type VirtualServices } from './virtual-services.ts';

/** How a model is made. */
export interface MeshModelOptions {
  /** DNS suffix of services, `cluster.local`. */
  readonly domainSuffix: string;
  /** Where mixer is called; without it the calls go to the service `istio-mixer` of the root namespace, if any. */
  readonly mixerAddress?: { readonly address: string; readonly port: number };
  /** Mesh config to use instead of the ConfigMap `istio` of the root namespace. */
  readonly meshConfig?: MeshConfig;
}

/** One port of a service that a proxy is an endpoint of. */
export interface ServiceInstance {
  readonly service: Service;
  readonly port: ServicePort;
  readonly endpoint: Endpoint;
}

/** Immutable index of one snapshot: services, endpoints, policies, mesh config. Shared by the compilations of all proxies. */
export interface MeshModel {
  readonly revision: number;
  readonly domainSuffix: string;
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly mesh: MeshConfig;
  readonly mixerAddress: { readonly address: string; readonly port: number } | undefined;
  /** Problems of objects that no proxy can use. */
  readonly problems: readonly CompileProblem[];
  readonly services: readonly Service[];
  readonly peerAuthentications: PeerAuthentications;
  readonly destinationRules: DestinationRules;
  readonly virtualServices: VirtualServices;
  readonly gateways: readonly ConfigObject<GatewaySpec>[];
  /** The oldest first. */
  readonly envoyFilters: readonly ConfigObject<EnvoyFilter>[];
  readonly authorizationPolicies: readonly ConfigObject<AuthorizationPolicy>[];
  readonly requestAuthentications: readonly ConfigObject<RequestAuthentication>[];
  readonly mixer: MixerRules;
  endpoints(service: Service, port: ServicePort): readonly Endpoint[];
  /** Services that a namespace sees, one per host (its own namespace's first), sorted by host. */
  visibleServices(namespace: string): ReadonlyMap<string, Service>;
  /** What a proxy sees by its Sidecar, or all that its namespace sees. */
  scope(proxy: Proxy): SidecarScope;
  /** Service ports that the proxy serves, by its addresses (and its ports when it shares a loopback). */
  instances(proxy: Proxy): readonly ServiceInstance[];
}

function visible(services: readonly Service[], namespace: string): ReadonlyMap<string, Service> {
  const byHost = new Map<string, Service>();
  for (const service of services) {
    if (!visibleIn(service.exportTo, service.namespace, namespace)) continue;
    const known = byHost.get(service.host);
    const better = !known || (known.namespace !== namespace && service.namespace === namespace);
    if (better) byHost.set(service.host, service);
  }
  return new Map([...byHost].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Index of a snapshot. Built once per snapshot; cheap parts are computed when first asked for and kept. */
export function createMeshModel(snapshot: ConfigSnapshot, options: MeshModelOptions): MeshModel {
  const problems: CompileProblem[] = [];
  const mesh =
    options.meshConfig ?? meshConfigOf(findObject(snapshot, 'k8s/core/v1/configmaps', 'istio-system/istio'));
  const rootNamespace = mesh.rootNamespace || 'istio-system';
  const { domainSuffix } = options;
  const registry = createServiceRegistry(snapshot, {
    domainSuffix,
    problems,
    defaultExportTo: mesh.defaultServiceExportTo ?? [],
  });
  const byNamespace = new Map<string, ReadonlyMap<string, Service>>();
  const byAddress = new Map<string, ServiceInstance[]>();
  for (const service of registry.services) {
    for (const port of service.ports) {
      for (const endpoint of registry.endpoints(service, port)) {
        const instances = byAddress.get(endpoint.address) ?? [];
        instances.push({ service, port, endpoint });
        byAddress.set(endpoint.address, instances);
      }
    }
  }
  const visibleServices = (namespace: string): ReadonlyMap<string, Service> => {
    const known = byNamespace.get(namespace) ?? visible(registry.services, namespace);
    byNamespace.set(namespace, known);
    return known;
  };
  const virtualServices = indexVirtualServices(
    objectsOf(snapshot, 'istio/networking/v1alpha3/virtualservices'),
    { domainSuffix, defaultExportTo: mesh.defaultVirtualServiceExportTo ?? [] },
  );
  const scopes = createSidecarScopes(objectsOf(snapshot, 'istio/networking/v1alpha3/sidecars'), {
    services: registry.services,
    virtualServices,
    rootNamespace,
    domainSuffix,
    visibleServices,
  });
  return {
    revision: snapshot.revision,
    domainSuffix,
    trustDomain: mesh.trustDomain || 'cluster.local',
    rootNamespace,
    mesh,
    mixerAddress: options.mixerAddress,
    problems,
    services: registry.services,
    peerAuthentications: indexPeerAuthentications(
      objectsOf(snapshot, 'istio/security/v1beta1/peerauthentications'),
      rootNamespace,
    ),
    destinationRules: indexDestinationRules(
      objectsOf(snapshot, 'istio/networking/v1alpha3/destinationrules'),
      {
        domainSuffix,
        rootNamespace,
        defaultExportTo: mesh.defaultDestinationRuleExportTo ?? [],
      },
    ),
    virtualServices,
    gateways: objectsOf(snapshot, 'istio/networking/v1alpha3/gateways'),
    envoyFilters: objectsOf(snapshot, 'istio/networking/v1alpha3/envoyfilters'),
    authorizationPolicies: objectsOf(snapshot, 'istio/security/v1beta1/authorizationpolicies'),
    requestAuthentications: objectsOf(snapshot, 'istio/security/v1beta1/requestauthentications'),
    mixer: indexMixerRules(snapshot),
    endpoints: registry.endpoints,
    visibleServices,
    scope: (proxy) => scopes.of(proxy),
    instances(proxy) {
      const ports = proxy.inbound && new Set(proxy.inbound.map(({ port }) => port));
      return proxy.addresses
        .flatMap((address) => byAddress.get(address) ?? [])
        .filter(
          ({ endpoint }) => !ports || (ports.has(endpoint.port) && endpoint.namespace === proxy.namespace),
        );
    },
  };
}
