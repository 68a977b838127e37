import { X509Certificate } from 'node:crypto';
import { createAuthorityCertificate, createIssuer, createKeyPair, privateKeyPem } from '@lateen/identity';

/** Certificate, key and roots as PEM; `@lateen/rpc`'s `TlsIdentity`. */
export interface TestIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly trustBundle: string;
}

/** What a test certificate shall say beside its id. */
export interface TestLeafOptions {
  readonly dnsNames?: readonly string[];
  /** Epoch milliseconds; a minute ago and in an hour when absent. */
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** A certificate authority that lives as long as the test. */
export interface TestAuthority {
  /** PEM. */
  readonly root: string;
  /** A new key and a leaf of this root for it. */
  issue(id: string, options?: TestLeafOptions): TestIdentity;
}

const hour = 3_600_000;

/** New root of a trust domain; valid around `nowMs`. */
export function createTestAuthority(options: {
  readonly trustDomain?: string;
  readonly nowMs: number;
}): TestAuthority {
  const nowMs = options.nowMs;
  const keys = createKeyPair();
  const root = createAuthorityCertificate(keys, {
    organization: options.trustDomain ?? 'cluster.local',
    notBeforeMs: nowMs - hour,
    notAfterMs: nowMs + 1000 * hour,
  });
  const issuer = createIssuer(new X509Certificate(root), keys.privateKey);
  return {
    root,
    issue(id, leaf = {}) {
      const own = createKeyPair();
      const certificateChain = issuer.issue({
        publicKey: own.publicKey.export({ format: 'der', type: 'spki' }),
        uris: [id],
        dnsNames: leaf.dnsNames ?? [],
        notBeforeMs: leaf.notBeforeMs ?? nowMs - 60_000,
        notAfterMs: leaf.notAfterMs ?? nowMs + hour,
      });
      return { certificateChain, privateKey: privateKeyPem(own.privateKey), trustBundle: root };
    },
  };
}
