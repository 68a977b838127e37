import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { envoy_extensions_transport_sockets_tls_v3_Secret as Secret } from '@lateen/protos';
import { messageOf } from '@lateen/runtime';

/** Files behind a secret's name. */
export type SecretFiles =
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'roots'; readonly roots: string };

/** Largest file that is read. Bytes. */
const maxFileBytes = 1024 * 1024;

/**
 * Reads a secret's name: `file-cert:CERT~KEY` or `file-root:CA`, absolute paths; `undefined` for any other name.
 * Source: Istio `pkg/security` SdsCertificateConfig.
 */
export function parseSecretFiles(name: string): SecretFiles | undefined {
  const [, kind, rest] = /^file-(cert|root):(.+)$/.exec(name) ?? [];
  if (rest === undefined) return undefined;
  const paths = rest.split('~');
  if (!paths.every(isAbsolute)) return undefined;
  const [first = '', second] = paths;
  if (kind === 'root') return paths.length === 1 ? { kind: 'roots', roots: first } : undefined;
  return paths.length === 2 && second !== undefined
    ? { kind: 'certificate', certificate: first, key: second }
    : undefined;
}

function read(path: string): Buffer {
  if (statSync(path).size > maxFileBytes) throw new Error(`${path} is larger than ${maxFileBytes} bytes`);
  return readFileSync(path);
}

/** The secret that the files hold, or why they hold none: one that can't be read, a key of another certificate. */
export function readSecretFiles(
  name: string,
  files: SecretFiles,
): { secret: Secret } | { complaint: string } {
  try {
    if (files.kind === 'roots') {
      const trustedCa = read(files.roots);
      new X509Certificate(trustedCa); // throws for what is no certificate
      return { secret: { name, validationContext: { trustedCa: { inlineBytes: trustedCa } } } };
    }
    const [certificateChain, privateKey] = [read(files.certificate), read(files.key)];
    // While one of two files has been replaced, they don't fit; the pair before stays in use.
    if (!new X509Certificate(certificateChain).checkPrivateKey(createPrivateKey(privateKey)))
      return { complaint: `the key ${files.key} is not that of the certificate ${files.certificate}` };
    const tlsCertificate = {
      certificateChain: { inlineBytes: certificateChain },
      privateKey: { inlineBytes: privateKey },
    };
    return { secret: { name, tlsCertificate } };
  } catch (error) {
    return { complaint: messageOf(error) };
  }
}
