/** A port of the app behind a sidecar that captures without redirection (`LATEEN_INBOUND`). */
export interface InboundPort {
  /** Port that the mesh sees; the sidecar listens on it. */
  readonly port: number;
  /** The app's own loopback port. */
  readonly appPort: number;
  /** Istio's protocol-naming: `http`, `tcp`, `grpc-web`, … */
  readonly name: string;
}

/** Who a proxy is and what it is told to do; the mesh compiler reads it from the node's metadata. */
export interface ProxyNode {
  readonly role: 'sidecar' | 'router';
  /** Name of the workload instance (a pod's name). */
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly workloadName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The first is part of the node's id. */
  readonly instanceIps: readonly [string, ...string[]];
  readonly clusterId?: string;
  readonly meshId?: string;
  readonly inbound?: readonly InboundPort[];
  /** Loopback port of the explicit HTTP proxy listener. */
  readonly httpProxyPort?: number;
  /** htpasswd file for that listener. */
  readonly proxyCredentials?: string;
  /** Loopback ports for outbound TCP and TLS services, by `PORT` or `HOST:PORT` of the service. */
  readonly outbound?: Readonly<Record<string, number>>;
  /** Extensions that this proxy knows beyond stock Envoy. */
  readonly features?: readonly string[];
}

/** Release of Istio whose proxies this one behaves as. */
const istioVersion = '1.30.3';

/** Node id as Istio forms it: `sidecar~IP~NAME.NS~NS.svc.cluster.local`. */
export function nodeId(node: ProxyNode): string {
  const { role, name, namespace, instanceIps } = node;
  return `${role}~${instanceIps[0]}~${name}.${namespace}~${namespace}.svc.cluster.local`;
}

/** Node metadata under Istio's names, and ours prefixed with `LATEEN_`. JSON values. */
export function nodeMetadata(node: ProxyNode): Readonly<Record<string, unknown>> {
  return {
    NAME: node.name,
    NAMESPACE: node.namespace,
    SERVICE_ACCOUNT: node.serviceAccount,
    WORKLOAD_NAME: node.workloadName,
    LABELS: node.labels,
    INSTANCE_IPS: node.instanceIps.join(','),
    ISTIO_VERSION: istioVersion,
    CLUSTER_ID: node.clusterId ?? 'Kubernetes',
    MESH_ID: node.meshId ?? 'cluster.local',
    INTERCEPTION_MODE: 'NONE',
    ...(node.inbound ? { LATEEN_INBOUND: node.inbound } : {}),
    ...(node.httpProxyPort === undefined ? {} : { HTTP_PROXY_PORT: String(node.httpProxyPort) }),
    ...(node.proxyCredentials === undefined ? {} : { LATEEN_PROXY_CREDENTIALS: node.proxyCredentials }),
    ...(node.outbound ? { LATEEN_OUTBOUND: node.outbound } : {}),
    ...(node.features ? { LATEEN_FEATURES: node.features } : {}),
  };
}
