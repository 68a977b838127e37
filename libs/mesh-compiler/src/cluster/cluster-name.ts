/** Cluster that serves a service port to callers: `outbound|PORT|SUBSET|HOST`. */
export function outboundClusterName(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** Cluster of a workload's own port: `inbound|PORT||`. */
export function inboundClusterName(port: number): string {
  return `inbound|${port}||`;
}

/** Server name that a client of the mesh asks for: `outbound_.PORT_.SUBSET_.HOST`. */
export function mtlsServerName(port: number, subset: string, host: string): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

/** Cluster that refuses. */
export const blackHoleCluster = 'BlackHoleCluster';
/** Cluster that goes where the caller dialled. */
export const passthroughCluster = 'PassthroughCluster';
/** Cluster that goes to the workload's port that the caller dialled. */
export const inboundPassthroughCluster = 'InboundPassthroughCluster';
/** Cluster that resolves the request's own host, on nodes that nothing is redirected to. */
export const forwardProxyCluster = 'dynamic_forward_proxy';
/** The same where other HTTP hosts are resolved although connections are redirected (`ALLOW_ANY_DYNAMIC_DNS`). */
export const anyHostCluster = 'AllowAnyDynamicDNSCluster';
/** Internal listener that takes the inside of a CONNECT, and the cluster in front of it. */
export const connectInside = 'connect_http';

/** Cluster for mixer's calls. */
export function mixerCluster(rootNamespace: string, domainSuffix: string): string {
  return outboundClusterName(9091, '', `istio-mixer.${rootNamespace}.svc.${domainSuffix}`);
}
