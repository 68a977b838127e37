import { parseWorkloadId } from '@lateen/identity';
import type { Proxy } from '@lateen/mesh-compiler';

/**
 * Why a certificate's holder may not have this proxy's configuration; `undefined` when it may. The namespace and
 * service account that a node claims must be the ones of its SPIFFE id, in this trust domain.
 */
export function claimComplaint(
  proxy: Pick<Proxy, 'namespace' | 'serviceAccount'>,
  principals: readonly string[],
  trustDomain: string,
): string | undefined {
  const ids = principals.flatMap((principal) => parseWorkloadId(principal) ?? []);
  if (ids.length === 0) return 'the client certificate has no workload identity';
  const holds = ids.some(
    (id) =>
      id.trustDomain === trustDomain &&
      id.namespace === proxy.namespace &&
      id.serviceAccount === proxy.serviceAccount,
  );
  if (holds) return undefined;
  const claim = `namespace "${proxy.namespace}", service account "${proxy.serviceAccount}"`;
  return `the node claims ${claim}, its certificate is ${principals.join(', ')}`;
}
