import {
  type envoy_config_cluster_v3_Cluster as Cluster,
  type envoy_config_core_v3_Metadata as Metadata,
  enumOf,
  type envoy_config_endpoint_v3_LbEndpoint as LbEndpoint,
  packAny,
  structOf,
} from '@lateen/protos';
import { isIP } from 'node:net';
import type { IngressPort } from '../listener/ingress-port.ts';
import type { MeshModel, ServiceInstance } from '../model/mesh-model.ts';
import { type Protocol, protocolByPortName } from '../model/protocol.ts';
import type { InboundPort, Proxy } from '../model/proxy.ts';
import { meshClientTls } from '../secret/tls-context.ts';
import {
  anyHostCluster,
  blackHoleCluster,
  connectInside,
  forwardProxyCluster,
  inboundClusterName,
  inboundPassthroughCluster,
  mixerCluster,
  passthroughCluster,
} from './cluster-name.ts';
import { anyHostCache } from './dns-cache.ts';
import { http2Options, httpProtocolOptions, passthroughHttpOptions } from './http-protocol.ts';
import { connectionPoolFields } from './traffic-policy.ts';

const types = enumOf('envoy.config.cluster.v3.Cluster.DiscoveryType');
const policies = enumOf('envoy.config.cluster.v3.Cluster.LbPolicy');
const families = enumOf('envoy.config.cluster.v3.Cluster.DnsLookupFamily');
/** Source address that marks traffic from sidecar to workload, so that it isn't redirected again. */
const inboundSource = { sourceAddress: { address: '127.0.0.6', portValue: 0 } };

function staticCluster(name: string, model: MeshModel, endpoints: readonly LbEndpoint[]): Cluster {
  return {
    name,
    altStatName: `${name};`,
    type: types.STATIC,
    connectTimeout: model.mesh.connectTimeout ?? { seconds: 10, nanos: 0 },
    ...(endpoints.length > 0
      ? { loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: endpoints }] } }
      : {}),
  };
}

/** Cluster without endpoints: what goes there is refused. */
export function blackHole(model: MeshModel): Cluster {
  return staticCluster(blackHoleCluster, model, []);
}

/** Cluster to the address that the caller dialled. */
export function passthrough(model: MeshModel, proxy: Proxy): Cluster {
  return {
    ...staticCluster(passthroughCluster, model, []),
    type: types.ORIGINAL_DST,
    lbPolicy: policies.CLUSTER_PROVIDED,
    ...connectionPoolFields(undefined),
    typedExtensionProtocolOptions: passthroughHttpOptions(proxy),
  };
}

/** Cluster to the workload's port that the caller dialled. */
export function inboundPassthrough(model: MeshModel, proxy: Proxy): Cluster {
  return { ...passthrough(model, proxy), name: inboundPassthroughCluster, upstreamBindConfig: inboundSource };
}

/** Cluster that resolves the host of the request. */
export function forwardProxy(model: MeshModel, proxy: Proxy): Cluster {
  return resolving(model, proxy, forwardProxyCluster);
}

/** The same for a sidecar that connections are redirected to. */
export function anyHost(model: MeshModel, proxy: Proxy): Cluster {
  return resolving(model, proxy, anyHostCluster);
}

function resolving(model: MeshModel, proxy: Proxy, name: string): Cluster {
  const { type: _static, ...base } = staticCluster(name, model, []);
  return {
    ...base,
    lbPolicy: policies.CLUSTER_PROVIDED,
    ...connectionPoolFields(undefined),
    clusterType: {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typedConfig: packAny('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
        dnsCacheConfig: anyHostCache,
      }),
    },
    typedExtensionProtocolOptions: passthroughHttpOptions(proxy, true),
  };
}

/** Cluster to the internal listener that takes the inside of a CONNECT. */
export function connectInsideCluster(model: MeshModel): Cluster {
  const address = { envoyInternalAddress: { serverListenerName: connectInside, endpointId: connectInside } };
  return staticCluster(connectInside, model, [{ endpoint: { address } }]);
}

/** Cluster to the workload behind a sidecar that nothing is redirected to. */
export function localInbound(model: MeshModel, proxy: Proxy, inbound: InboundPort): Cluster {
  const instance = model.instances(proxy).find(({ endpoint }) => endpoint.port === inbound.port);
  const protocol = instance?.port.protocol ?? protocolByPortName(inbound.name);
  const address = { socketAddress: { address: '127.0.0.1', portValue: inbound.appPort } };
  return {
    ...staticCluster(inboundClusterName(inbound.port), model, [{ endpoint: { address } }]),
    ...connectionPoolFields(undefined),
    ...inboundHttpFields(proxy, protocol),
  };
}

/** Cluster of a redirected sidecar's port: the workload at the dialled address. */
export function redirectedInbound(
  model: MeshModel,
  proxy: Proxy,
  served: { port: number; instances: readonly ServiceInstance[] },
): Cluster {
  const { port, instances } = served;
  const name = inboundClusterName(port);
  return {
    ...staticCluster(name, model, []),
    type: types.ORIGINAL_DST,
    lbPolicy: policies.CLUSTER_PROVIDED,
    // As long as a duration may be: an idle destination must not be forgotten while it is the only one.
    cleanupInterval: { seconds: 9_223_372_035, nanos: 0 },
    commonLbConfig: {},
    ...connectionPoolFields(model.scope(proxy).sidecar?.spec.inboundConnectionPool),
    metadata: servicesOf(instances),
    ...inboundHttpFields(proxy, instances[0]?.port.protocol ?? 'tcp'),
    upstreamBindConfig: inboundSource,
  };
}

/** Cluster of a port that a Sidecar's `ingress` names: the endpoint that it gives. */
export function ingressInbound(model: MeshModel, proxy: Proxy, port: IngressPort): Cluster {
  const { endpoint, instances } = port;
  const address =
    endpoint.kind === 'pipe'
      ? { pipe: { path: endpoint.path } }
      : { socketAddress: { address: endpoint.address, portValue: endpoint.port } };
  const local = endpoint.kind === 'socket' && endpoint.address.startsWith('127.');
  return {
    ...staticCluster(inboundClusterName(port.number), model, [{ endpoint: { address } }]),
    commonLbConfig: {},
    ...connectionPoolFields(port.pool),
    ...(instances.length > 0 ? { metadata: servicesOf(instances) } : {}),
    ...inboundHttpFields(proxy, port.protocol),
    ...(local ? {} : { upstreamBindConfig: inboundSource }),
  };
}

function servicesOf(instances: readonly ServiceInstance[]): Metadata {
  const services = instances.map(({ service }) => ({
    host: service.host,
    name: service.registry === 'kubernetes' ? service.name : service.host,
    namespace: service.namespace,
  }));
  return { filterMetadata: { istio: structOf({ services }) } };
}

/** HTTP version towards the workload: HTTP/2 where the port declares it, the caller's where nothing is declared. */
function inboundHttpFields(proxy: Proxy, protocol: Protocol): Partial<Cluster> {
  const options = httpProtocolOptions({ proxy, protocol, tls: { kind: 'plain' }, pool: undefined });
  return options ? { typedExtensionProtocolOptions: options } : {};
}

/** Cluster of mixer's calls, mTLS with mixer's identity; where `mixerAddress` says instead of a service's endpoints. */
export function mixer(model: MeshModel): Cluster | undefined {
  const { mixerAddress, rootNamespace, domainSuffix, trustDomain } = model;
  if (!mixerAddress) return undefined;
  const name = mixerCluster(rootNamespace, domainSuffix);
  const identity = `spiffe://${trustDomain}/ns/${rootNamespace}/sa/istio-mixer-service-account`;
  const host = `istio-mixer.${rootNamespace}.svc.${domainSuffix}`;
  const address = { socketAddress: { address: mixerAddress.address, portValue: mixerAddress.port } };
  const named = isIP(mixerAddress.address) === 0;
  return {
    ...staticCluster(name, model, [{ endpoint: { address } }]),
    ...(named ? { type: types.STRICT_DNS, dnsLookupFamily: families.V4_ONLY } : {}),
    ...connectionPoolFields(undefined),
    typedExtensionProtocolOptions: http2Options(),
    transportSocket: meshClientTls([identity], host, ['h2']),
  };
}
