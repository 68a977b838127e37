import type { TlsIdentity } from '@lateen/rpc';
import { type Unsubscribe, WatchValue } from '@lateen/runtime';
import { ResourceEncoder, type ResourceSet, type ResourceSource, xdsTypes } from '@lateen/xds';

/** Names under which Istio's clusters and listeners ask for the workload's own certificate and for the roots. */
const secretNames = { certificate: 'default', roots: 'ROOTCA' } as const;

const secret = 'envoy.extensions.transport_sockets.tls.v3.Secret';

/** The two secrets of an identity as SDS serves them. */
function secretsOf(identity: TlsIdentity, encoder: ResourceEncoder): ResourceSet {
  const bytes = (pem: string): { inlineBytes: Uint8Array } => ({ inlineBytes: Buffer.from(pem) });
  const certificate = encoder.encode(secret, secretNames.certificate, {
    name: secretNames.certificate,
    tlsCertificate: {
      certificateChain: bytes(identity.certificateChain),
      privateKey: bytes(identity.privateKey),
    },
  });
  const roots = encoder.encode(secret, secretNames.roots, {
    name: secretNames.roots,
    validationContext: { trustedCa: bytes(identity.trustBundle) },
  });
  const resources = new Map([certificate, roots].map((resource) => [resource.name, resource]));
  return { version: certificate.version + roots.version, types: new Map([[xdsTypes.secret, resources]]) };
}

/** Secrets that follow an identity: every rotation is a push to every client. */
export interface SecretSource extends ResourceSource {
  /** Stops following the identity. */
  close(): void;
}

/** Source of an SDS server. Before the first certificate clients wait. */
export function createSecretSource(identity: WatchValue<TlsIdentity | undefined>): SecretSource {
  const encoder = new ResourceEncoder();
  const resources = new WatchValue<ResourceSet | undefined>(undefined);
  const unsubscribe: Unsubscribe = identity.subscribe((current) => {
    if (!current) return;
    resources.set(secretsOf(current, encoder));
    encoder.nextGeneration();
  });
  return { connect: () => ({ resources, close() {} }), close: unsubscribe };
}
