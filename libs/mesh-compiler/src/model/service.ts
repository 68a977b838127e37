import type { Protocol } from './protocol.ts';

/** One port of a service. */
export interface ServicePort {
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
  /** Port of the workload, by number or by the name of a workload's port. */
  readonly targetPort: number | string | undefined;
}

/**
 * How the endpoints of a service are found. `static`: from the config; `dns`/`dns-round-robin`: the proxy resolves;
 * `dynamic-dns`: per request; `passthrough`: the address that the caller dialled.
 */
export type Resolution = 'static' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'passthrough';

/** A service of the mesh: one host of a Kubernetes Service or of a ServiceEntry. Immutable. */
export interface Service {
  readonly host: string;
  /** Name of the object that it comes from. */
  readonly name: string;
  readonly namespace: string;
  readonly registry: 'kubernetes' | 'service-entry';
  readonly ports: readonly ServicePort[];
  /** Virtual addresses, single ones or CIDR ranges. */
  readonly addresses: readonly string[];
  readonly resolution: Resolution;
  /** Outside the mesh: no automatic mTLS. */
  readonly external: boolean;
  /** Has no virtual address of its own. */
  readonly headless: boolean;
  /** Namespaces that may see it; `*` all. */
  readonly exportTo: ReadonlySet<string>;
  readonly subjectAltNames: readonly string[];
  /** Labels of the workloads that it selects; `undefined`: it selects none. */
  readonly selector: { readonly [key: string]: string } | undefined;
  readonly created: string;
  /** `collection ns/name` of the object. */
  readonly key: string;
}

/** Where a service port is reached. */
export interface Endpoint {
  /** IP address, host name (DNS resolutions) or path of a unix socket. */
  readonly address: string;
  /** 0 for a unix socket. */
  readonly port: number;
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly serviceAccount: string;
  readonly weight: number;
  /** `region/zone/subzone`. */
  readonly locality: string;
  readonly network: string;
  readonly tlsMode: 'istio' | 'disabled';
  /** First part of the `istio.workload` endpoint metadata. */
  readonly workloadName: string;
  /** Port numbers that a PeerAuthentication's port level may mean. */
  readonly policyPorts: readonly number[];
}

/** Label by which a workload says whether it takes the mesh's mTLS: `istio` or `disabled`. */
export const tlsModeLabel = 'security.istio.io/tlsMode';

/** Is a service or rule that is exported to `exportTo` from `owner` visible in `namespace`? */
export function visibleIn(exportTo: ReadonlySet<string>, owner: string, namespace: string): boolean {
  if (exportTo.size === 0 || exportTo.has('*')) return true;
  if (exportTo.has('~')) return false;
  return exportTo.has(namespace) || (exportTo.has('.') && owner === namespace);
}

/** Do the labels have every pair of the selector? An empty selector takes all. */
export function selects(
  selector: { readonly [key: string]: string },
  labels: ReadonlyMap<string, string>,
): boolean {
  for (const key of Object.keys(selector)) if (labels.get(key) !== selector[key]) return false;
  return true;
}

/** Labels as a map, so that a label called `__proto__` is just a label. */
export function labelMap(
  labels: { readonly [key: string]: string } | undefined,
): ReadonlyMap<string, string> {
  return new Map(labels ? Object.keys(labels).map((key) => [key, labels[key]!]) : []);
}
