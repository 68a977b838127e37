import { type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createAuthorityCertificate,
  createIssuer,
  createKeyPair,
  parsePrivateKey,
  privateKeyPem,
} from '@lateen/identity';
import { LateenError, messageOf } from '@lateen/runtime';

/** Certificate and key of the API, and the authority that clients check them by. PEM. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  readonly authority: string;
}

/** File of the state folder with the authority's certificate; `lateen kubeconfig` hands it to kubectl. */
const servingAuthorityFile = 'api-ca.pem';

const day = 86_400_000;
const authorityLifeMs = 3650 * day;
/** An authority with less left than this is made anew. */
const authorityMarginMs = 365 * day;
const leafLifeMs = 90 * day;

/**
 * A fresh serving certificate for `localhost` and the names that clients use. Its authority is galley's own, made when
 * absent and kept in the state folder, readable by its owner alone: certificates of the mesh name workloads by SPIFFE id, which
 * kubectl can't check. @throws LateenError LTN_GALLEY_CERTIFICATE when the files can't be read or written.
 */
export async function servingCertificate(
  stateDir: string,
  { names, nowMs }: { readonly names: readonly string[]; readonly nowMs: number },
): Promise<ServingCertificate> {
  try {
    const { authority, privateKey } = await servingAuthority(stateDir, nowMs);
    const keys = createKeyPair();
    const certificate = createIssuer(new X509Certificate(authority), privateKey).issue({
      publicKey: keys.publicKey.export({ format: 'der', type: 'spki' }),
      uris: [],
      dnsNames: [...new Set(['localhost', ...names.filter(isDnsName)])],
      notBeforeMs: nowMs - 60_000,
      notAfterMs: nowMs + leafLifeMs,
    });
    return { certificate, privateKey: privateKeyPem(keys.privateKey), authority };
  } catch (error) {
    throw new LateenError(`the API has no certificate: ${messageOf(error)}`, {
      code: 'LTN_GALLEY_CERTIFICATE',
      origin: 'config',
      cause: error,
    });
  }
}

async function servingAuthority(
  stateDir: string,
  nowMs: number,
): Promise<{ authority: string; privateKey: KeyObject }> {
  const [certificateFile, keyFile] = [join(stateDir, servingAuthorityFile), join(stateDir, 'api-ca.key')];
  try {
    const [authority, keyText] = await Promise.all([
      readFile(certificateFile, 'utf8'),
      readFile(keyFile, 'utf8'),
    ]);
    const known = new X509Certificate(authority);
    const endsMs = Date.parse(known.validTo);
    const privateKey = parsePrivateKey(keyText);
    if (privateKey && endsMs - nowMs > authorityMarginMs && known.checkPrivateKey(privateKey))
      return { authority, privateKey };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const keys = createKeyPair();
  const authority = createAuthorityCertificate(keys, {
    organization: 'lateen galley API',
    notBeforeMs: nowMs - 60_000,
    notAfterMs: nowMs + authorityLifeMs,
  });
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await replaceFile(keyFile, privateKeyPem(keys.privateKey));
  await replaceFile(certificateFile, authority);
  return { authority, privateKey: keys.privateKey };
}

/** Readers see the old or the new text, never half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}

/** Addresses can't be DNS names of a certificate. */
function isDnsName(name: string): boolean {
  return /^[a-z0-9*]([-a-z0-9.]*[a-z0-9])?$/i.test(name) && !/^[\d.]+$/.test(name);
}
