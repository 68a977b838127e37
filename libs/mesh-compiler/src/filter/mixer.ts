import {
  enumOf,
  type google_protobuf_Any,
  type istio_mixer_v1_Attributes as Attributes,
  type istio_mixer_v1_Attributes_AttributeValue as AttributeValue,
  type istio_mixer_v1_config_client_TransportConfig as TransportConfig,
  packAny,
} from '@lateen/protos';
import { mixerCluster } from '../cluster/cluster-name.ts';
import type { MeshModel } from '../model/mesh-model.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Service } from '../model/service.ts';

/** Side of a sidecar that a filter stands on. */
export type Direction = 'inbound' | 'outbound';

const failPolicies = enumOf('istio.mixer.v1.config.client.NetworkFailPolicy.FailPolicy');

function attributes(values: { readonly [name: string]: string | undefined }): Attributes {
  const entries = Object.entries(values).flatMap(([name, value]): [string, AttributeValue][] =>
    value ? [[name, { stringValue: value }]] : [],
  );
  return { attributes: Object.fromEntries(entries) };
}

function workloadUid(proxy: Proxy): string {
  return `kubernetes://${proxy.name}.${proxy.namespace}`;
}

/**
 * Does the proxy get a Mixer filter? Only our own data plane, and only while rules ask for calls. On both sides, also
 * for checks alone: the server's rules may ask who calls, and it is the client's filter that tells it.
 */
export function usesMixer(model: MeshModel, proxy: Proxy): boolean {
  const { check, report } = model.mixer.any;
  return proxy.features?.has('mixer') === true && (check || report);
}

function transport(model: MeshModel, proxy: Proxy): TransportConfig {
  const cluster = mixerCluster(model.rootNamespace, model.domainSuffix);
  // The field left Istio's MeshConfig with Mixer; whoever still sets it is heard.
  const failOpen = (model.mesh as { policyCheckFailOpen?: boolean }).policyCheckFailOpen === true;
  return {
    checkCluster: cluster,
    reportCluster: cluster,
    networkFailPolicy: { policy: failOpen ? failPolicies.FAIL_OPEN : failPolicies.FAIL_CLOSE },
    attributesForMixerProxy: attributes({ 'source.uid': workloadUid(proxy) }),
  };
}

function sideAttributes(proxy: Proxy, direction: Direction): Attributes {
  const reporter = { 'context.reporter.kind': direction, 'context.reporter.uid': workloadUid(proxy) };
  return direction === 'inbound'
    ? attributes({
        ...reporter,
        'destination.uid': workloadUid(proxy),
        'destination.namespace': proxy.namespace,
      })
    : attributes({ ...reporter, 'source.uid': workloadUid(proxy), 'source.namespace': proxy.namespace });
}

/** Config of the HTTP filter. */
export function httpMixerConfig(model: MeshModel, proxy: Proxy, direction: Direction): google_protobuf_Any {
  return packAny('istio.mixer.v1.config.client.HttpClientConfig', {
    transport: transport(model, proxy),
    mixerAttributes: sideAttributes(proxy, direction),
    ...(direction === 'outbound'
      ? {
          forwardAttributes: attributes({
            'source.uid': workloadUid(proxy),
            'source.namespace': proxy.namespace,
          }),
        }
      : {}),
    // Strangers at the edge must not say who they are.
    ...(proxy.type === 'router' ? { ignoreForwardedAttributes: true } : {}),
  });
}

function serviceAttributes(service: Service): Attributes {
  return attributes({
    'destination.service.host': service.host,
    'destination.service.name': service.name,
    'destination.service.namespace': service.namespace,
    'destination.service.uid': `istio://${service.namespace}/services/${service.name}`,
  });
}

/** Per-route config: which service is called, and which calls the rules for its namespace ask for. */
export function serviceFilterConfig(
  model: MeshModel,
  proxy: Proxy,
  service: Service,
  direction: Direction,
): google_protobuf_Any | undefined {
  if (!usesMixer(model, proxy)) return undefined;
  const demand = model.mixer.demand(service.namespace, model.rootNamespace);
  const quotaSpec =
    direction === 'inbound' && demand.check ? model.mixer.quotaSpecs(service, model.domainSuffix) : [];
  return packAny('istio.mixer.v1.config.client.ServiceConfig', {
    mixerAttributes: serviceAttributes(service),
    disableCheckCalls: direction === 'outbound' || !demand.check,
    disableReportCalls: !demand.report,
    ...(quotaSpec.length > 0 ? { quotaSpec } : {}),
    ...(direction === 'outbound' ? { forwardAttributes: serviceAttributes(service) } : {}),
  });
}

/** Config of the network filter on TCP chains. */
export function tcpMixerConfig(
  model: MeshModel,
  proxy: Proxy,
  direction: Direction,
  service: Service | undefined,
): google_protobuf_Any {
  const namespace = service?.namespace ?? proxy.namespace;
  const demand = model.mixer.demand(namespace, model.rootNamespace);
  return packAny('istio.mixer.v1.config.client.TcpClientConfig', {
    transport: transport(model, proxy),
    mixerAttributes: {
      attributes: {
        ...sideAttributes(proxy, direction).attributes,
        ...(service ? serviceAttributes(service).attributes : {}),
      },
    },
    disableCheckCalls: direction === 'outbound' || !demand.check,
    disableReportCalls: !demand.report,
  });
}
