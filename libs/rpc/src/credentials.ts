import { constants, X509Certificate } from 'node:crypto';
import type { PeerCertificate, SecureContextOptions } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import type { Unsubscribe, WatchValue } from '@lateen/runtime';

/** What a process shows and trusts in TLS. All PEM. */
export interface TlsIdentity {
  /** Leaf first, then intermediates. */
  readonly certificateChain: string;
  readonly privateKey: string;
  /** Roots that peers must chain to. */
  readonly trustBundle: string;
}

type Provider = grpc.experimental.CertificateProvider;
type CaListener = grpc.experimental.CaCertificateUpdateListener;
type IdentityListener = grpc.experimental.IdentityCertificateUpdateListener;

/** Feeds grpc-js with the newest identity: new handshakes use it, open connections stay. */
class WatchedCertificates implements Provider {
  readonly #identity: WatchValue<TlsIdentity | undefined>;
  readonly #subscriptions = new Map<CaListener | IdentityListener, Unsubscribe>();

  constructor(identity: WatchValue<TlsIdentity | undefined>) {
    this.#identity = identity;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#subscriptions.set(
      listener,
      this.#identity.subscribe((identity) => {
        if (identity) listener({ caCertificate: Buffer.from(identity.trustBundle) });
      }),
    );
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#remove(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#subscriptions.set(
      listener,
      this.#identity.subscribe((identity) => {
        if (!identity) return;
        const certificate = Buffer.from(identity.certificateChain);
        listener({ certificate, privateKey: Buffer.from(identity.privateKey) });
      }),
    );
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#remove(listener);
  }

  #remove(listener: CaListener | IdentityListener): void {
    this.#subscriptions.get(listener)?.();
    this.#subscriptions.delete(listener);
  }
}

/**
 * Serves the newest identity: new handshakes use it, open connections stay. Session tickets are off, since a resumed
 * session counts as verified even when its certificate's root is no longer trusted.
 */
class WatchedServerCredentials extends grpc.ServerCredentials {
  readonly #identity: WatchValue<TlsIdentity | undefined>;
  #unsubscribe: Unsubscribe | undefined;

  constructor(identity: WatchValue<TlsIdentity | undefined>, requireClientCertificate: boolean) {
    super({ requestCert: true, rejectUnauthorized: requireClientCertificate, ...serverContext });
    this.#identity = identity;
  }

  /** What a server that starts now shall use; `null` lets it drop connections until there is an identity. */
  override _getSecureContextOptions(): SecureContextOptions | null {
    return contextOf(this.#identity.current);
  }

  override _addWatcher(watcher: (context: SecureContextOptions | null) => void): void {
    super._addWatcher(watcher);
    this.#unsubscribe ??= this.#identity.subscribe((identity) =>
      this.updateSecureContextOptions(contextOf(identity)),
    );
  }

  override _removeWatcher(watcher: (context: SecureContextOptions | null) => void): void {
    super._removeWatcher(watcher);
    if (this.getWatcherCount() > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  override _equals(other: grpc.ServerCredentials): boolean {
    return this === other;
  }
}

const serverContext = { minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET } as const;

function contextOf(identity: TlsIdentity | undefined): SecureContextOptions | null {
  if (!identity) return null;
  const { certificateChain: cert, privateKey: key, trustBundle: ca } = identity;
  return { cert, key, ca, ...serverContext };
}

/** Server side of TLS. `clientCertificate: 'optional'` lets callers in that prove themselves otherwise. */
export function serverCredentials(
  identity: WatchValue<TlsIdentity | undefined>,
  options: { clientCertificate: 'required' | 'optional' },
): grpc.ServerCredentials {
  return new WatchedServerCredentials(identity, options.clientCertificate === 'required');
}

/** Client side of mutual TLS: the server must chain to the trust bundle and show one of `serverPrincipals`. */
export function channelCredentials(
  identity: WatchValue<TlsIdentity | undefined>,
  options: { serverPrincipals: readonly string[] },
): grpc.ChannelCredentials {
  const provider = new WatchedCertificates(identity);
  return grpc.experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity: (_host, certificate) => checkPrincipal(certificate, options.serverPrincipals),
  });
}

/**
 * Client side of TLS for a caller without a certificate: the server must chain to the given root, whose SHA-256
 * came with the join token, and show one of `serverPrincipals`.
 */
export function rootCredentials(
  rootPem: string,
  options: { serverPrincipals: readonly string[] },
): grpc.ChannelCredentials {
  return grpc.credentials.createSsl(Buffer.from(rootPem), null, null, {
    checkServerIdentity: (_host, certificate) => checkPrincipal(certificate, options.serverPrincipals),
  });
}

/** Plain text, for unix sockets and for loopback where a user asked for it. */
export const insecureChannel = (): grpc.ChannelCredentials => grpc.credentials.createInsecure();

/** Plain text, server side. */
export const insecureServer = (): grpc.ServerCredentials => grpc.ServerCredentials.createInsecure();

function checkPrincipal(certificate: PeerCertificate, principals: readonly string[]): Error | undefined {
  const found = principalsOf(certificate);
  if (found.some((principal) => principals.includes(principal))) return undefined;
  return new Error(
    `the server is ${found.join(', ') || 'nobody known'}, expected ${principals.join(' or ')}`,
  );
}

/** SPIFFE ids in a certificate's subject alternative names. */
export function principalsOf(certificate: PeerCertificate): string[] {
  const text = certificate.raw ? (new X509Certificate(certificate.raw).subjectAltName ?? '') : '';
  // Node quotes a name that holds a comma: what stands between quotes is one name and no id of ours.
  return [...text.matchAll(/(?:^|, )([^:]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)]
    .filter(([, kind, name]) => kind === 'URI' && name!.startsWith('spiffe://'))
    .map(([, , name]) => name!);
}
