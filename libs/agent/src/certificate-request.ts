import type { X509Certificate } from 'node:crypto';
import {
  certificatesPem,
  componentId,
  createCsr,
  createKeyPair,
  parseCertificates,
  parseTrustDomain,
  privateKeyPem,
  readJoinToken,
  readSvid,
  verifyChain,
} from '@lateen/identity';
import { channelCredentials, methods, RpcClient, rootCredentials, type TlsIdentity } from '@lateen/rpc';
import { type Clock, LateenError, type WatchValue } from '@lateen/runtime';
import { fetchPinnedRoot } from './authority-root.ts';

/** Whom to ask for which certificate. */
export interface CertificateRequestOptions {
  /** `HOST:PORT` of CreateCertificate. */
  readonly citadelAddress: string;
  /** SPIFFE id that the certificate must have. */
  readonly principal: string;
  readonly trustDomain: string;
  /** Life to ask for, milliseconds; citadel's default when absent. */
  readonly ttlMs?: number | undefined;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
}

/** A certificate as it was received and found good. */
export interface Issued {
  readonly identity: TlsIdentity;
  readonly notAfterMs: number;
}

function refused(why: string): LateenError {
  return new LateenError(why, { code: 'LTN_AGENT_CERTIFICATE', origin: 'peer' });
}

async function request(
  client: RpcClient,
  options: CertificateRequestOptions,
  proof: { readonly roots: readonly X509Certificate[]; readonly metadata?: Readonly<Record<string, string>> },
): Promise<Issued> {
  const keys = createKeyPair();
  const { certChain = [] } = await client.unary(
    methods.createCertificate,
    {
      csr: createCsr(keys, { uris: [options.principal] }),
      ...(options.ttlMs === undefined ? {} : { validityDuration: Math.ceil(options.ttlMs / 1000) }),
    },
    { timeoutMs: options.requestTimeoutMs, ...(proof.metadata ? { metadata: proof.metadata } : {}) },
  );
  const chain = parseCertificates(certChain.join('\n'));
  if (!chain) throw refused('citadel answered a certificate that cannot be read');
  const own = readSvid(chain, keys.privateKey);
  if ('complaint' in own)
    throw refused(`citadel answered a certificate that is not for us: ${own.complaint}`);
  if (own.value.id !== options.principal) {
    throw refused(`citadel answered a certificate of ${own.value.id}, expected ${options.principal}`);
  }
  const bundles = new Map([[own.value.trustDomain, proof.roots]]);
  const verified = verifyChain(chain, bundles, { nowMs: options.clock.now() });
  if ('complaint' in verified)
    throw refused(`citadel answered a chain that does not hold: ${verified.complaint}`);
  const isRoot = (one: X509Certificate): boolean => proof.roots.some((root) => root.raw.equals(one.raw));
  return {
    notAfterMs: own.value.notAfterMs,
    identity: {
      certificateChain: certificatesPem(chain.filter((one) => !isRoot(one))),
      privateKey: privateKeyPem(keys.privateKey),
      trustBundle: certificatesPem(proof.roots),
    },
  };
}

function serverPrincipals(options: CertificateRequestOptions): { serverPrincipals: string[] } {
  const parsed = parseTrustDomain(options.trustDomain);
  if ('complaint' in parsed) throw refused(`the trust domain is not valid: ${parsed.complaint}`);
  return { serverPrincipals: [componentId('citadel', parsed.value)] };
}

/**
 * First certificate: proves itself by a join token and knows citadel by the root's hash in it.
 * @throws LateenError when the token can't be read, citadel isn't the one it names, or the answer isn't ours; RpcError.
 */
export async function joinWithToken(token: string, options: CertificateRequestOptions): Promise<Issued> {
  const claims = readJoinToken(token);
  if ('complaint' in claims) throw refused(`the join token cannot be used: ${claims.complaint}`);
  if (claims.value.subject !== options.principal) {
    throw refused(`the join token is for ${claims.value.subject}, expected one for ${options.principal}`);
  }
  const root = await fetchPinnedRoot(options.citadelAddress, claims.value.rootSha256, {
    clock: options.clock,
    timeoutMs: options.requestTimeoutMs,
  });
  const credentials = rootCredentials(root.toString(), serverPrincipals(options));
  const client = new RpcClient(options.citadelAddress, credentials);
  try {
    return await request(client, options, { roots: [root], metadata: { authorization: `Bearer ${token}` } });
  } finally {
    client.close();
  }
}

/** Next certificate: proves itself by the current one. @throws LateenError when the answer isn't ours; RpcError. */
export async function renewWithCertificate(
  identity: WatchValue<TlsIdentity | undefined>,
  options: CertificateRequestOptions,
): Promise<Issued> {
  const roots = parseCertificates(identity.current?.trustBundle ?? '') ?? [];
  const client = new RpcClient(
    options.citadelAddress,
    channelCredentials(identity, serverPrincipals(options)),
  );
  try {
    return await request(client, options, { roots });
  } finally {
    client.close();
  }
}
