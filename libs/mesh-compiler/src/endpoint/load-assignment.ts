import { isIP } from 'node:net';
import {
  type envoy_config_core_v3_Address as Address,
  type envoy_config_core_v3_Locality as Locality,
  type envoy_config_endpoint_v3_ClusterLoadAssignment as ClusterLoadAssignment,
  enumOf,
  type envoy_config_endpoint_v3_LbEndpoint as LbEndpoint,
  type Json,
  type istio_networking_v1alpha3_ClientTLSSettings as ClientTls,
  structOf,
} from '@lateen/protos';
import type { EffectivePolicy } from '../cluster/traffic-policy.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import { type Endpoint, type Service, type ServicePort, selects } from '../model/service.ts';
import { localityGroups } from './locality.ts';

const tlsModes = enumOf('istio.networking.v1alpha3.ClientTLSSettings.TLSmode');

/** The cluster whose endpoints are asked for. */
export interface EndpointQuery {
  readonly clusterName: string;
  readonly service: Service;
  readonly port: ServicePort;
  /** Labels of the subset. */
  readonly labels: { readonly [key: string]: string };
  /** What the client's policy says; its TLS can take mTLS off, never put it on. */
  readonly policy: EffectivePolicy;
}

/** Address message of an IP address, host name or unix socket path (port 0). */
function addressOf(address: string, port: number): Address {
  return port === 0 && address.startsWith('/')
    ? { pipe: { path: address } }
    : { socketAddress: { address, portValue: port } };
}

function localityOf(locality: string): Locality {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return { ...(region ? { region } : {}), ...(zone ? { zone } : {}), ...(subZone ? { subZone } : {}) };
}

/** `name;namespace;app;version;cluster`: how Istio tells telemetry what an endpoint is. */
function workloadMetadata(endpoint: Endpoint, clusterId: string): string {
  const { labels } = endpoint;
  const app =
    labels.get('service.istio.io/canonical-name') ??
    labels.get('app.kubernetes.io/name') ??
    labels.get('app') ??
    endpoint.workloadName;
  const version =
    labels.get('service.istio.io/canonical-revision') ??
    labels.get('app.kubernetes.io/version') ??
    labels.get('version') ??
    '';
  return [endpoint.workloadName, endpoint.namespace, app, version, clusterId].join(';');
}

function announcesMtls(model: MeshModel, endpoint: Endpoint, tls: ClientTls | undefined): boolean {
  if (endpoint.tlsMode !== 'istio') return false;
  // A policy that says how to secure connections leaves nothing to the endpoint, unless it says: as the mesh does.
  if (tls && tls.mode !== tlsModes.ISTIO_MUTUAL) return false;
  return (
    model.peerAuthentications.mode(endpoint.namespace, endpoint.labels, endpoint.policyPorts) !== 'disable'
  );
}

function lbEndpoint(model: MeshModel, proxy: Proxy, endpoint: Endpoint, query: EndpointQuery): LbEndpoint {
  const metadata: { [filter: string]: ReturnType<typeof structOf> } = {};
  const mtls = !query.service.external && announcesMtls(model, endpoint, query.policy.tls);
  if (mtls) metadata['envoy.transport_socket_match'] = structOf({ tlsMode: 'istio' });
  const istio: { [key: string]: Json } = { workload: workloadMetadata(endpoint, proxy.clusterId) };
  metadata.istio = structOf(istio);
  return {
    endpoint: { address: addressOf(endpoint.address, endpoint.port) },
    loadBalancingWeight: { value: endpoint.weight },
    metadata: { filterMetadata: metadata },
  };
}

/** EDS takes addresses; a name among them would have to be resolved, which only a DNS service asks for. */
function reachable({ address, port }: Endpoint, service: Service): boolean {
  if (address === '') return false;
  return service.resolution !== 'static' || service.external || port === 0 || isIP(address) !== 0;
}

/** Endpoints of a cluster by priority and locality. */
export function loadAssignment(model: MeshModel, proxy: Proxy, query: EndpointQuery): ClusterLoadAssignment {
  const { service, port, labels, policy } = query;
  const endpoints = model
    .endpoints(service, port)
    .filter((endpoint) => reachable(endpoint, service) && selects(labels, endpoint.labels));
  const setting = policy.loadBalancer?.localityLbSetting ?? model.mesh.localityLbSetting;
  const groups = localityGroups(proxy, endpoints, { setting, ejects: policy.outlierDetection !== undefined });
  return {
    clusterName: query.clusterName,
    endpoints: groups.map(({ locality, endpoints: members, weight, priority }) => ({
      locality: localityOf(locality),
      lbEndpoints: members.map((endpoint) => lbEndpoint(model, proxy, endpoint, query)),
      loadBalancingWeight: { value: weight },
      ...(priority > 0 ? { priority } : {}),
    })),
  };
}
