/** Whom Istio's form of SPIFFE id names: a service account of a namespace. */
export interface WorkloadId {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/**
 * SPIFFE id of a service account, `spiffe://TRUST_DOMAIN/ns/NS/sa/SA`. As in Istio an `@` of the trust domain (Google
 * service accounts) becomes a dot.
 */
export function formatWorkloadId(id: WorkloadId): string {
  return `spiffe://${id.trustDomain.replaceAll('@', '.')}/ns/${id.namespace}/sa/${id.serviceAccount}`;
}

/** Reads Istio's form by Istio's rules: any characters but the slash, empty names too. `undefined` for another form. */
export function parseWorkloadId(text: string): WorkloadId | undefined {
  const match = /^spiffe:\/\/([^/]*)\/ns\/([^/]*)\/sa\/([^/]*)$/.exec(text);
  return match ? { trustDomain: match[1]!, namespace: match[2]!, serviceAccount: match[3]! } : undefined;
}

/**
 * The ids and the same service accounts in further trust domains (`trustDomainAliases` of the mesh config), sorted.
 * What is not in Istio's form stays alone.
 */
export function expandTrustDomains(ids: readonly string[], trustDomains: readonly string[]): string[] {
  const expanded = new Set(ids);
  for (const text of ids) {
    const id = parseWorkloadId(text);
    if (!id) continue;
    for (const trustDomain of trustDomains) expanded.add(formatWorkloadId({ ...id, trustDomain }));
  }
  return [...expanded].sort();
}

/** Service accounts of the components, all in the root namespace. Istio's names. */
export const componentAccounts = {
  galley: 'istio-galley-service-account',
  pilot: 'istio-pilot-service-account',
  mixer: 'istio-mixer-service-account',
  citadel: 'istio-citadel-service-account',
  'ingress-gateway': 'istio-ingressgateway-service-account',
} as const;

/** Namespace of the components. */
export const rootNamespace = 'istio-system';

/** SPIFFE id of a component. */
export function componentId(component: keyof typeof componentAccounts, trustDomain: string): string {
  return formatWorkloadId({
    trustDomain,
    namespace: rootNamespace,
    serviceAccount: componentAccounts[component],
  });
}
