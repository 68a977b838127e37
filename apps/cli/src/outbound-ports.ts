import type { KubeClient, KubeObject } from '@lateen/kube';
import { freePort } from './ports.ts';
import type { WorkloadPlan } from './workload.ts';

const httpProtocols = new Set(['http', 'http2', 'grpc', 'grpc-web', 'http_proxy']);

interface ServicePort {
  readonly name?: string;
  readonly port?: number;
  readonly number?: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

/**
 * Local ports for the TCP and TLS services that the mesh knows now, and for those that the user named: an app reaches
 * HTTP services by name through its proxy, others at 127.0.0.1 on these ports. By `HOST:PORT`.
 */
export async function outboundPorts(
  plan: Pick<WorkloadPlan, 'outbound'>,
  galley: KubeClient,
): Promise<ReadonlyMap<string, number>> {
  const result = new Map(plan.outbound);
  const [services, entries] = await Promise.all([
    galley.list({ apiVersion: 'v1', plural: 'services', namespaced: true }),
    galley.list({ apiVersion: 'networking.istio.io/v1', plural: 'serviceentries', namespaced: true }),
  ]);
  const known: string[] = [];
  for (const service of services.items) {
    const host = `${service.metadata.name}.${service.metadata.namespace}.svc.cluster.local`;
    for (const port of portsOf(service))
      if (!isHttp(port.appProtocol ?? port.name)) known.push(`${host}:${port.port}`);
  }
  for (const entry of entries.items) {
    const { hosts = [] } = (entry.spec ?? {}) as { hosts?: string[] };
    for (const port of portsOf(entry)) {
      if (!isHttp(port.protocol ?? port.name)) for (const host of hosts) known.push(`${host}:${port.number}`);
    }
  }
  for (const target of known) if (!result.has(target)) result.set(target, await freePort());
  return result;
}

function portsOf(object: KubeObject): readonly ServicePort[] {
  return ((object.spec ?? {}) as { ports?: ServicePort[] }).ports ?? [];
}

/** By Istio's naming `protocol[-suffix]`; a port without a known name is taken for TCP here, HTTP still goes by proxy. */
function isHttp(protocol: string | undefined): boolean {
  return httpProtocols.has((protocol ?? '').toLowerCase().split('-')[0] ?? '');
}
