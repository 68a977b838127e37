import {
  type envoy_config_listener_v3_FilterChain as FilterChain,
  type envoy_config_listener_v3_Listener as Listener,
  type envoy_config_listener_v3_ListenerFilter as ListenerFilter,
  type envoy_config_listener_v3_ListenerFilterChainMatchPredicate as PortPredicate,
  durationMs,
  durationOf,
  enumOf,
  packAny,
} from '@lateen/protos';
import { inboundClusterName, inboundPassthroughCluster } from '../cluster/cluster-name.ts';
import type { MeshModel, ServiceInstance } from '../model/mesh-model.ts';
import { isHttp, isHttp2, isSniffed, type Protocol, protocolByPortName } from '../model/protocol.ts';
import type { InboundPort, Proxy } from '../model/proxy.ts';
import { listenerAccessLogs } from './access-log.ts';
import { blackHoleFilter, httpInspector, tlsInspector } from './filter-chain.ts';
import { type IngressPort, ingressPorts } from './ingress-port.ts';
import { inboundChains, type InboundPortChains } from './inbound-chains.ts';

const directions = enumOf('envoy.config.core.v3.TrafficDirection');
/** How long a server-first client on loopback is waited for before its bytes count as plain TCP. */
const inspectionMs = 300;

function kindOf(protocol: Protocol): InboundPortChains['kind'] {
  return isHttp(protocol) ? 'http' : isSniffed(protocol) ? 'sniffed' : 'tcp';
}

/** Instances by the workload's port; the first of several services on one port decides over it. */
export function instancesByPort(
  instances: readonly ServiceInstance[],
): ReadonlyMap<number, readonly ServiceInstance[]> {
  const byPort = new Map<number, ServiceInstance[]>();
  for (const instance of instances) {
    if (instance.endpoint.port === 0) continue;
    const known = byPort.get(instance.endpoint.port) ?? [];
    byPort.set(instance.endpoint.port, [...known, instance]);
  }
  return byPort;
}

/** Listener of one port of a sidecar that nothing is redirected to: `127.0.0.1_PORT`. */
export function localInboundListener(model: MeshModel, proxy: Proxy, inbound: InboundPort): Listener {
  const instance = instancesByPort(model.instances(proxy)).get(inbound.port)?.[0];
  const protocol = instance?.port.protocol ?? protocolByPortName(inbound.name);
  const kind = kindOf(protocol);
  const target = instance?.port.targetPort;
  const named = [
    inbound.port,
    ...(typeof target === 'number' ? [target] : []),
    instance?.port.number,
    inbound.appPort,
  ];
  const mode = model.peerAuthentications.mode(
    proxy.namespace,
    proxy.labels,
    named.filter((port) => port !== undefined),
  );
  const configured = durationMs(model.mesh.protocolDetectionTimeout) ?? 0;
  // HTTP clients speak first; others may wait for the server, and then no byte ever tells what they are.
  const timeoutMs = configured > 0 ? configured : kind === 'http' || mode !== 'permissive' ? 0 : inspectionMs;
  const sniffTimeoutMs = kind === 'sniffed' && configured === 0 ? inspectionMs : timeoutMs;
  const name = `127.0.0.1_${inbound.port}`;
  return {
    name,
    address: { socketAddress: { address: '127.0.0.1', portValue: inbound.port } },
    trafficDirection: directions.INBOUND,
    listenerFilters: [
      ...(mode === 'disable' ? [] : [tlsInspector()]),
      ...(kind === 'sniffed' ? [httpInspector()] : []),
    ],
    listenerFiltersTimeout: durationOf(sniffTimeoutMs),
    continueOnListenerFiltersTimeout: true,
    filterChains: inboundChains(model, proxy, {
      name,
      statPrefix: `inbound_${name};`,
      cluster: inboundClusterName(inbound.port),
      servicePort: instance?.port.number ?? inbound.port,
      service: instance?.service,
      mode,
      kind,
      http2: isHttp2(protocol),
      match: {},
    }),
    ...listenerAccessLogs(model),
  };
}

function portRange(port: number): PortPredicate {
  return { destinationPortRange: { start: port, end: port + 1 } };
}

function disabledOn(unsorted: readonly number[]): { filterDisabled?: PortPredicate } {
  const ports = unsorted.toSorted((a, b) => a - b);
  const [first] = ports;
  if (first === undefined) return {};
  return {
    filterDisabled: ports.length === 1 ? portRange(first) : { orMatch: { rules: ports.map(portRange) } },
  };
}

/** `virtualInbound`: the one listener that all of a redirected sidecar's inbound connections come to. */
export function virtualInbound(model: MeshModel, proxy: Proxy): Listener {
  const listenPort = model.mesh.proxyInboundListenPort || 15006;
  const byPort = [...instancesByPort(model.instances(proxy))].sort(([a], [b]) => a - b);
  const passthroughMode = model.peerAuthentications.mode(proxy.namespace, proxy.labels, []);
  const ingress = ingressPorts(model, proxy);
  const fromServices = byPort.map(([port, instances]): InboundPortChains => {
    const { port: servicePort, service } = instances[0]!;
    return {
      name: `0.0.0.0_${port}`,
      statPrefix: `inbound_0.0.0.0_${port};`,
      cluster: inboundClusterName(port),
      servicePort: servicePort.number,
      service,
      mode: model.peerAuthentications.mode(proxy.namespace, proxy.labels, [port]),
      kind: kindOf(servicePort.protocol),
      http2: isHttp2(servicePort.protocol),
      match: { destinationPort: { value: port } },
    };
  });
  const served = ingress ? ingress.filter(({ own }) => !own).map(({ chains }) => chains) : fromServices;
  const catchAll: InboundPortChains = {
    name: 'virtualInbound',
    statPrefix: `${inboundPassthroughCluster};`,
    cluster: inboundPassthroughCluster,
    servicePort: 0,
    service: undefined,
    mode: passthroughMode,
    kind: 'sniffed',
    match: {},
    catchAll: true,
  };
  // A port that only a port-level policy names is passed through like any other, but by its own mode.
  const extra = model.peerAuthentications
    .portsNamed(proxy.namespace, proxy.labels)
    .filter((port) => !served.some(({ match }) => match.destinationPort?.value === port))
    .sort((a, b) => a - b)
    .map((port): InboundPortChains => {
      const mode = model.peerAuthentications.mode(proxy.namespace, proxy.labels, [port]);
      return { ...catchAll, mode, match: { destinationPort: { value: port } } };
    });
  const all = [catchAll, ...extra, ...served];
  const needsTls = all.some(({ mode, terminates }) => mode !== 'disable' || terminates);
  const portOf = ({ match }: InboundPortChains): number => match.destinationPort?.value ?? 0;
  const plainPorts = [...extra, ...served]
    .filter(({ mode, terminates }) => mode === 'disable' && !terminates)
    .map(portOf)
    .sort((a, b) => a - b);
  const declared = served.filter(({ kind, mode }) => kind !== 'sniffed' || mode === 'strict').map(portOf);
  const needsHttp = all.some(({ mode, kind }) => kind === 'sniffed' && mode !== 'strict');
  const filters: ListenerFilter[] = [
    {
      name: 'envoy.filters.listener.original_dst',
      typedConfig: packAny('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', {}),
    },
    ...(needsTls ? [{ ...tlsInspector(), ...disabledOn([...plainPorts, listenPort]) }] : []),
    ...(needsHttp ? [{ ...httpInspector(), ...disabledOn([...declared, listenPort]) }] : []),
  ];
  return {
    name: 'virtualInbound',
    address: { socketAddress: { address: '0.0.0.0', portValue: listenPort } },
    trafficDirection: directions.INBOUND,
    listenerFilters: filters,
    listenerFiltersTimeout: model.mesh.protocolDetectionTimeout ?? durationOf(0),
    continueOnListenerFiltersTimeout: true,
    maxConnectionsToAcceptPerSocketEvent: { value: 1 },
    filterChains: [
      {
        name: 'virtualInbound-blackhole',
        filterChainMatch: { destinationPort: { value: listenPort } },
        filters: [blackHoleFilter()],
      },
      ...all.flatMap((port) => inboundChains(model, proxy, port)),
    ],
    ...listenerAccessLogs(model),
  };
}

/** Listener of a port that a Sidecar wants bound by itself: `BIND_PORT`. */
function ingressListener(model: MeshModel, port: IngressPort, chains: readonly FilterChain[]): Listener {
  const { number, bind, chains: shape } = port;
  const elsewhere = { filterDisabled: { notMatch: portRange(number) } };
  return {
    name: shape.name,
    address: { socketAddress: { address: bind, portValue: number } },
    trafficDirection: directions.INBOUND,
    listenerFilters: [
      ...(shape.mode === 'disable' && !shape.terminates ? [] : [{ ...tlsInspector(), ...elsewhere }]),
      ...(shape.kind === 'sniffed' ? [{ ...httpInspector(), ...elsewhere }] : []),
    ],
    listenerFiltersTimeout: model.mesh.protocolDetectionTimeout ?? durationOf(0),
    continueOnListenerFiltersTimeout: true,
    maxConnectionsToAcceptPerSocketEvent: { value: 1 },
    filterChains: chains,
    ...listenerAccessLogs(model),
  };
}

/** Listeners of all ports that the workload's Sidecar wants bound. */
export function ingressListeners(model: MeshModel, proxy: Proxy): Listener[] {
  return (ingressPorts(model, proxy) ?? [])
    .filter(({ own }) => own)
    .map((port) => ingressListener(model, port, inboundChains(model, proxy, port.chains)));
}
