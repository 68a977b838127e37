import type { KeyObject, X509Certificate } from 'node:crypto';
import { certificateSha256, createIssuer } from '@lateen/identity';
import { type Clock, LateenError } from '@lateen/runtime';

/** Backdating of leaves, for peers whose clock is behind. Milliseconds. */
const clockSkewMs = 120_000;

/** What an authority is made of. The chain leads from its certificate up to the root, without it. */
export interface AuthorityMaterial {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
  readonly intermediates: readonly X509Certificate[];
  readonly root: X509Certificate;
}

/** For whom a certificate is and how long it shall hold. */
interface IssueRequest {
  /** DER of the holder's SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** The holder's proven SPIFFE id. */
  readonly id: string;
  readonly dnsNames?: readonly string[];
  readonly ttlMs: number;
}

/** Issues certificates; who may have which is decided before. */
export interface Authority {
  /** PEM certificates from the leaf up to and with the root. */
  issue(request: IssueRequest): readonly string[];
  readonly root: X509Certificate;
  /** Hex SHA-256 of the root's DER. */
  readonly rootSha256: string;
}

/** Authority of a certificate and key. Leaves never outlive its certificate. */
export function createAuthority(material: AuthorityMaterial, clock: Clock): Authority {
  const { certificate, root } = material;
  const issuer = createIssuer(certificate, material.privateKey);
  const above = [...material.intermediates, root].map((one) => one.toString());
  const endMs = Math.min(certificate.validToDate.getTime(), root.validToDate.getTime());
  return {
    root,
    rootSha256: certificateSha256(root),
    issue(request) {
      const nowMs = clock.now();
      if (nowMs >= endMs) {
        throw new LateenError(`the certificate authority expired on ${new Date(endMs).toISOString()}`, {
          code: 'LTN_CITADEL_AUTHORITY_EXPIRED',
          origin: 'internal',
        });
      }
      const leaf = issuer.issue({
        publicKey: request.publicKey,
        uris: [request.id],
        dnsNames: request.dnsNames ?? [],
        notBeforeMs: nowMs - clockSkewMs,
        notAfterMs: Math.min(nowMs + request.ttlMs, endMs),
      });
      return [leaf, ...above];
    },
  };
}
