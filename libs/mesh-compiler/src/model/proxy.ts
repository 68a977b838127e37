import { type envoy_config_core_v3_Node as Node, type Json, structJson } from '@lateen/protos';
import { labelMap } from './service.ts';

/** One port that a sidecar without interception serves for its workload. */
export interface InboundPort {
  /** Port that the mesh sees, on loopback. */
  readonly port: number;
  /** Port that the workload listens on. */
  readonly appPort: number;
  /** Port name, whose prefix declares a protocol when no service does. */
  readonly name: string;
}

/** What the compiler knows of the proxy it compiles for. Immutable. */
export interface Proxy {
  readonly id: string;
  readonly type: 'sidecar' | 'router';
  readonly addresses: readonly string[];
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly workloadName: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly interception: 'redirect' | 'tproxy' | 'none';
  readonly clusterId: string;
  readonly locality: string;
  readonly httpProxyPort: number | undefined;
  /** htpasswd file that guards the HTTP proxy port. */
  readonly proxyCredentials: string | undefined;
  /** Ports of a sidecar without interception; `undefined`: not such a sidecar. */
  readonly inbound: readonly InboundPort[] | undefined;
  /** Local port by `service port` or `host:port`; `undefined`: every service port is bound as it is. */
  readonly outbound: ReadonlyMap<string, number> | undefined;
  /** Texts and numbers of the node's metadata, as texts. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Extensions of ours that the proxy knows; `undefined`: stock Envoy. */
  readonly features: ReadonlySet<string> | undefined;
}

/** Is the proxy on a loopback that it shares with others, so that service ports can't be bound as they are? */
export function sharesLoopback(proxy: Proxy): boolean {
  return proxy.inbound !== undefined || proxy.outbound !== undefined;
}

/** May the proxy be told to speak HTTP/2? Stock Envoy may, our own data plane when it says so. */
export function speaksHttp2(proxy: Proxy): boolean {
  return proxy.features === undefined || proxy.features.has('h2');
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function port(value: Json | undefined): number | undefined {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : undefined;
  return number !== undefined && Number.isInteger(number) && number > 0 && number < 65536
    ? number
    : undefined;
}

function object(value: Json | undefined): { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })
    : {};
}

/** Metadata lists arrive as lists or, from environment variables, as their JSON text. */
function parsed(value: Json | undefined): Json | undefined {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    // Not JSON: the plain text is the value.
    return value;
  }
}

function inboundOf(value: Json | undefined): InboundPort[] | undefined {
  const list = parsed(value);
  if (!Array.isArray(list)) return undefined;
  return list.flatMap((entry: Json): InboundPort[] => {
    const fields = object(entry);
    const meshPort = port(fields.port);
    const appPort = port(fields.appPort);
    return meshPort && appPort ? [{ port: meshPort, appPort, name: text(fields.name) }] : [];
  });
}

function outboundOf(value: Json | undefined): ReadonlyMap<string, number> | undefined {
  const fields = parsed(value);
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) return undefined;
  const local = new Map<string, number>();
  for (const [key, entry] of Object.entries(object(fields))) {
    const number = port(entry);
    if (number) local.set(key, number);
  }
  return local;
}

function featuresOf(value: Json | undefined): ReadonlySet<string> | undefined {
  const list = parsed(value);
  if (Array.isArray(list)) return new Set(list.map((entry: Json) => text(entry)));
  if (typeof list === 'string' && list !== '') return new Set(list.split(','));
  return undefined;
}

function labelsOf(value: Json | undefined): ReadonlyMap<string, string> {
  const labels = object(parsed(value));
  return labelMap(Object.fromEntries(Object.entries(labels).map(([key, label]) => [key, text(label)])));
}

/**
 * Proxy of an Envoy node: id `sidecar~IP~NAME.NS~DOMAIN` or `router~…` and the metadata that Istio's agent and ours
 * send. Unknown or malformed metadata is left out; a node is never refused.
 */
export function parseProxy(node: Node): Proxy {
  const metadata = node.metadata ? structJson(node.metadata) : {};
  const [type = '', ip = '', id = '', domain = ''] = (node.id ?? '').split('~');
  const dot = id.lastIndexOf('.');
  const domainNamespace = domain.split('.')[0] ?? '';
  const namespace = text(metadata.NAMESPACE) || (dot > 0 ? id.slice(dot + 1) : domainNamespace);
  const name = text(metadata.NAME) || (dot > 0 ? id.slice(0, dot) : id);
  const addresses = text(metadata.INSTANCE_IPS)
    .split(',')
    .filter((address) => address !== '');
  const mode = text(metadata.INTERCEPTION_MODE).toUpperCase();
  const { region = '', zone = '', subZone = '' } = node.locality ?? {};
  const localityParts = subZone ? [region, zone, subZone] : zone ? [region, zone] : region ? [region] : [];
  return {
    id: node.id ?? '',
    type: type === 'router' ? 'router' : 'sidecar',
    addresses: addresses.length > 0 ? addresses : ip ? [ip] : [],
    name,
    namespace,
    serviceAccount: text(metadata.SERVICE_ACCOUNT),
    workloadName: text(metadata.WORKLOAD_NAME),
    labels: labelsOf(metadata.LABELS),
    interception: mode === 'NONE' ? 'none' : mode === 'TPROXY' ? 'tproxy' : 'redirect',
    clusterId: text(metadata.CLUSTER_ID),
    locality: localityParts.join('/'),
    httpProxyPort: port(metadata.HTTP_PROXY_PORT),
    proxyCredentials: text(metadata.LATEEN_PROXY_CREDENTIALS) || undefined,
    inbound: inboundOf(metadata.LATEEN_INBOUND),
    outbound: outboundOf(metadata.LATEEN_OUTBOUND),
    metadata: new Map(
      Object.entries(metadata)
        .map(([key, value]): [string, string] => [key, text(value)])
        .filter(([, value]) => value !== ''),
    ),
    features: featuresOf(metadata.LATEEN_FEATURES),
  };
}
