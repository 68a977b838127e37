import {
  type envoy_config_cluster_v3_Cluster as Cluster,
  enumOf,
  type envoy_config_core_v3_Metadata as Metadata,
  type Json,
  packAny,
  structOf,
} from '@lateen/protos';
import { loadAssignment } from '../endpoint/load-assignment.ts';
import type { DestinationPolicy } from '../model/destination-rules.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Service, ServicePort } from '../model/service.ts';
import { outboundClusterName } from './cluster-name.ts';
import { serviceCache } from './dns-cache.ts';
import { httpProtocolOptions } from './http-protocol.ts';
import { clusterTls } from './tls-settings.ts';
import {
  connectionPoolFields,
  type EffectivePolicy,
  effectivePolicy,
  isPassthrough,
  loadBalancerFields,
  outlierDetectionOf,
} from './traffic-policy.ts';
import { rawSocket } from '../secret/tls-context.ts';

const types = enumOf('envoy.config.cluster.v3.Cluster.DiscoveryType');
const policies = enumOf('envoy.config.cluster.v3.Cluster.LbPolicy');
const families = enumOf('envoy.config.cluster.v3.Cluster.DnsLookupFamily');
const versions = enumOf('envoy.config.core.v3.ApiVersion');

/** A cluster of a service port, whole or one subset of it. */
export interface OutboundTarget {
  readonly service: Service;
  readonly port: ServicePort;
  readonly rule: DestinationPolicy | undefined;
  /** Empty: the whole port. */
  readonly subset: string;
  readonly subsetLabels: { readonly [key: string]: string };
}

/** The clusters that a service port gives a client: the port itself, then a cluster per subset of its rule. */
export function outboundTargets(
  service: Service,
  port: ServicePort,
  rule: DestinationPolicy | undefined,
): OutboundTarget[] {
  const whole: OutboundTarget = { service, port, rule, subset: '', subsetLabels: {} };
  const subsets = rule?.subsets ?? [];
  return [
    whole,
    ...subsets.map(({ name, labels }) => ({ ...whole, subset: name ?? '', subsetLabels: labels ?? {} })),
  ];
}

/** Name of a target's cluster. */
export function targetName(target: OutboundTarget): string {
  return outboundClusterName(target.port.number, target.subset, target.service.host);
}

/** Path by which Istio names a config object in metadata, as `/apis/networking.istio.io/v1/namespaces/NS/KIND/NAME`. */
export function configPath(
  kind: 'destination-rule' | 'virtual-service',
  object: { namespace: string; name: string },
): string {
  return `/apis/networking.istio.io/v1/namespaces/${object.namespace}/${kind}/${object.name}`;
}

function metadataOf(target: OutboundTarget, foreignTls: boolean): Metadata {
  const { service, rule, subset } = target;
  const name = service.registry === 'kubernetes' ? service.name : service.host;
  const istio: { [key: string]: Json } = {
    ...(service.resolution === 'dynamic-dns'
      ? {}
      : { services: [{ host: service.host, name, namespace: service.namespace }] }),
    ...(rule ? { config: configPath('destination-rule', rule) } : {}),
    ...(subset ? { subset } : {}),
    ...(service.external ? { external: true } : {}),
    ...(foreignTls ? { alpn_override: 'false' } : {}),
  };
  return { filterMetadata: { istio: structOf(istio) } };
}

/** c-ares with a bound on queries per socket, so that the resolver gets a new source port now and then. */
function dnsResolver(): NonNullable<Cluster['typedDnsResolverConfig']> {
  return {
    name: 'envoy.network.dns_resolver.cares',
    typedConfig: packAny('envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig', {
      udpMaxQueries: { value: 100 },
    }),
  };
}

function discoveryFields(
  model: MeshModel,
  proxy: Proxy,
  target: OutboundTarget,
  policy: EffectivePolicy,
): Partial<Cluster> {
  const { service, port, subsetLabels } = target;
  const name = targetName(target);
  const query = { clusterName: name, service, port, labels: subsetLabels, policy };
  const eds: Partial<Cluster> = {
    type: types.EDS,
    edsClusterConfig: {
      edsConfig: { ads: {}, initialFetchTimeout: {}, resourceApiVersion: versions.V3 },
      serviceName: name,
    },
  };
  // A router dials nobody's address, and neither can a sidecar that nothing is redirected to.
  if (isPassthrough(policy.loadBalancer) && proxy.type === 'sidecar') return { type: types.ORIGINAL_DST };
  switch (service.resolution) {
    case 'passthrough':
      return proxy.type === 'router' ? eds : { type: types.ORIGINAL_DST };
    case 'dynamic-dns':
      return {
        clusterType: {
          name: 'envoy.clusters.dynamic_forward_proxy',
          typedConfig: packAny('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
            dnsCacheConfig: serviceCache(service),
          }),
        },
      };
    case 'dns':
    case 'dns-round-robin':
      return {
        type: service.resolution === 'dns' ? types.STRICT_DNS : types.LOGICAL_DNS,
        dnsLookupFamily: families.V4_ONLY,
        dnsRefreshRate: model.mesh.dnsRefreshRate ?? { seconds: 60, nanos: 0 },
        respectDnsTtl: true,
        ...(proxy.features === undefined ? { typedDnsResolverConfig: dnsResolver() } : {}),
        loadAssignment: loadAssignment(model, proxy, query),
      };
    case 'static':
      return eds;
  }
}

/** Cluster of a service port or one of its subsets, as the client's rule wants it. */
export function outboundCluster(model: MeshModel, proxy: Proxy, target: OutboundTarget): Cluster {
  const { service, port, rule, subset } = target;
  const name = targetName(target);
  const policy = effectivePolicy(rule, subset, port.number);
  const discovery = discoveryFields(model, proxy, target, policy);
  const tls = clusterTls(model, proxy, { service, port, subset, tls: policy.tls });
  const http = httpProtocolOptions({ proxy, protocol: port.protocol, tls, pool: policy.connectionPool });
  const dialled = discovery.type === types.ORIGINAL_DST || discovery.clusterType !== undefined;
  const balancer = dialled
    ? { lbPolicy: policies.CLUSTER_PROVIDED }
    : loadBalancerFields(policy.loadBalancer);
  const outlier = policy.outlierDetection;
  const connectTimeout = model.mesh.connectTimeout ?? { seconds: 10, nanos: 0 };
  const locality = policy.loadBalancer?.localityLbSetting;
  const failsOver = outlier && (locality?.failover?.length || locality?.failoverPriority?.length);
  const weighted = locality?.enabled?.value !== false && (locality?.distribute?.length || failsOver);
  const commonLb = {
    ...(outlier ? { healthyPanicThreshold: { value: outlier.minHealthPercent ?? 0 } } : {}),
    ...(weighted ? { localityWeightedLbConfig: {} } : {}),
  };
  return {
    name,
    altStatName: `${name};`,
    ...discovery,
    connectTimeout,
    ...balancer,
    ...connectionPoolFields(policy.connectionPool),
    ...(discovery.clusterType ? {} : { commonLbConfig: commonLb }),
    ...(outlier && !dialled ? { outlierDetection: outlierDetectionOf(outlier) } : {}),
    metadata: metadataOf(target, tls.kind === 'always' && tls.foreign),
    ...(http ? { typedExtensionProtocolOptions: http } : {}),
    ...(tls.kind === 'always' || (tls.kind === 'auto' && dialled) ? { transportSocket: tls.socket } : {}),
    ...(tls.kind === 'auto' && !dialled
      ? {
          transportSocketMatches: [
            { name: 'tlsMode-istio', match: structOf({ tlsMode: 'istio' }), transportSocket: tls.socket },
            { name: 'tlsMode-disabled', match: {}, transportSocket: rawSocket() },
          ],
        }
      : {}),
  };
}
