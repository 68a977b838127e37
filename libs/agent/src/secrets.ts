import type { TlsIdentity } from '@lateen/rpc';
import { type Clock, type Logger, type Timer, type Unsubscribe, WatchValue } from '@lateen/runtime';
import {
  ResourceEncoder,
  type ResourceSet,
  type ResourceSource,
  type XdsResource,
  xdsTypes,
} from '@lateen/xds';
import { parseSecretFiles, readSecretFiles, type SecretFiles } from './file-secret.ts';

/** Names under which Istio's clusters and listeners ask for the workload's own certificate and for the roots. */
const secretNames = { certificate: 'default', roots: 'ROOTCA' } as const;

const secret = 'envoy.extensions.transport_sockets.tls.v3.Secret';

/** The two secrets of an identity. */
function identitySecrets(identity: TlsIdentity, encoder: ResourceEncoder): XdsResource[] {
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
  return [certificate, roots];
}

/** Secrets as SDS serves them: every rotation is a push to every client. */
export interface SecretSource extends ResourceSource {
  /** Stops following the identity and the files. */
  close(): void;
}

/** How often the files of secrets are looked at. Milliseconds. */
const filePollMs = 2000;
/** Secrets of files that are served at a time. */
const maxFileSecrets = 1000;

interface FileSecret {
  readonly files: SecretFiles;
  /** The last that the files held. */
  resource: XdsResource | undefined;
  complaint: string | undefined;
}

/**
 * Source of an SDS server: the identity's secrets, and those of files that a proxy asks for by name (a Gateway's
 * `serverCertificate` and `privateKey`). Before the first certificate clients wait, and for files until they are good.
 */
export function createSecretSource(
  identity: WatchValue<TlsIdentity | undefined>,
  ports: { readonly clock: Clock; readonly logger: Logger },
): SecretSource {
  const encoder = new ResourceEncoder();
  const resources = new WatchValue<ResourceSet | undefined>(undefined);
  const fileSecrets = new Map<string, FileSecret>();
  let own: XdsResource[] = [];
  let poll: Timer | undefined;

  const publish = (): void => {
    if (own.length === 0) return;
    const files = [...fileSecrets.values()].flatMap(({ resource }) => resource ?? []);
    const all = [...own, ...files];
    resources.set({
      version: all.map(({ version }) => version).join(''),
      types: new Map([[xdsTypes.secret, new Map(all.map((resource) => [resource.name, resource]))]]),
    });
  };

  /** Reads a secret's files. Did what they hold change? */
  const look = (name: string, entry: FileSecret): boolean => {
    const found = readSecretFiles(name, entry.files);
    if ('complaint' in found) {
      if (found.complaint !== entry.complaint)
        ports.logger.warn({ secret: name }, `a secret's files cannot be used: ${found.complaint}`);
      entry.complaint = found.complaint;
      return false;
    }
    entry.complaint = undefined;
    const before = entry.resource?.version;
    entry.resource = encoder.encode(secret, name, found.secret);
    return entry.resource.version !== before;
  };

  const pollLater = (): void => {
    poll ??= ports.clock.after(filePollMs, () => {
      poll = undefined;
      const changed = [...fileSecrets].filter(([name, entry]) => look(name, entry));
      if (changed.length > 0) publish();
      encoder.nextGeneration();
      pollLater();
    });
  };

  const unsubscribe: Unsubscribe = identity.subscribe((current) => {
    if (!current) return;
    own = identitySecrets(current, encoder);
    publish();
    encoder.nextGeneration();
  });

  const wants = (_type: string, names: readonly string[]): void => {
    let changed = false;
    for (const name of names) {
      const files = fileSecrets.has(name) ? undefined : parseSecretFiles(name);
      if (!files || fileSecrets.size >= maxFileSecrets) continue;
      const entry: FileSecret = { files, resource: undefined, complaint: undefined };
      fileSecrets.set(name, entry);
      changed = look(name, entry) || changed;
      pollLater();
    }
    if (changed) publish();
  };
  return {
    connect: () => ({ resources, wants, close() {} }),
    close() {
      unsubscribe();
      poll?.cancel();
    },
  };
}
