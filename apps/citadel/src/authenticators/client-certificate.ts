import { parseSpiffeId, parseWorkloadId } from '@lateen/identity';
import type { Authenticator } from './authenticator.ts';

/** Renewal: the caller shows a certificate of ours, which TLS has verified, and gets its own id again. */
export function clientCertificate(trustDomain: string): Authenticator {
  return ({ principals }) => {
    const [id, ...more] = principals;
    if (id === undefined) return { kind: 'absent', reason: 'no client certificate that we trust' };
    const parsed = parseSpiffeId(id);
    const ours =
      'value' in parsed && parsed.value.trustDomain === trustDomain && parseWorkloadId(id) !== undefined;
    if (more.length > 0 || !ours)
      return { kind: 'refused', reason: 'the client certificate is of no workload of ours' };
    return { kind: 'proven', id };
  };
}
