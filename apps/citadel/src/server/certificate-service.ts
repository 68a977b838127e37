import { verifyCsr } from '@lateen/identity';
import { methods, RpcError, RpcServices, rpcStatus } from '@lateen/rpc';
import type { Logger } from '@lateen/runtime';
import { type Authenticator, authenticate } from '../authenticators/authenticator.ts';
import type { Authority } from '../authority/authority.ts';
import type { ServerMetrics } from './metrics.ts';

/** What CreateCertificate works with. */
export interface CertificateServiceOptions {
  readonly authority: Authority;
  readonly authenticators: readonly Authenticator[];
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
  readonly metrics: ServerMetrics;
  readonly logger: Logger;
}

/**
 * `istio.v1.auth.IstioCertificateService`: who is it (UNAUTHENTICATED), is the CSR sound and the time within bounds
 * (INVALID_ARGUMENT), issue. The names in the CSR are not looked at: the certificate gets the caller's proven id.
 */
export function createCertificateService(options: CertificateServiceOptions): RpcServices {
  const { authority, metrics, logger } = options;
  return new RpcServices(logger).unary(methods.createCertificate, async (request, caller) => {
    metrics.requests.inc();
    const proof = await authenticate(options.authenticators, caller);
    if (proof.kind !== 'proven') {
      metrics.unauthenticated.inc();
      throw new RpcError(rpcStatus.UNAUTHENTICATED, `request authenticate failure: ${proof.reason}`);
    }
    const csr = verifyCsr(request.csr ?? '');
    if ('complaint' in csr) {
      metrics.malformed.inc();
      throw new RpcError(rpcStatus.INVALID_ARGUMENT, csr.complaint);
    }
    const wanted = (request.validityDuration ?? 0) * 1000;
    const ttlMs = wanted > 0 ? wanted : options.defaultTtlMs;
    if (ttlMs > options.maxTtlMs) {
      const message = `requested TTL ${ttlMs / 1000} s is greater than the max allowed TTL ${options.maxTtlMs / 1000} s`;
      throw new RpcError(rpcStatus.INVALID_ARGUMENT, message);
    }
    let certChain: readonly string[];
    try {
      certChain = authority.issue({ publicKey: csr.value.publicKey, id: proof.id, ttlMs });
    } catch (error) {
      metrics.failed.inc();
      throw error;
    }
    metrics.issued.inc();
    logger.info({ id: proof.id, peer: caller.peer, ttlMs }, 'a certificate was issued');
    return { certChain: [...certChain] };
  });
}
