import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  createAuthorityCertificate,
  createKeyPair,
  parseCertificates,
  parsePrivateKey,
  privateKeyPem,
  verifyAuthority,
} from '@lateen/identity';
import { LateenError } from '@lateen/runtime';
import type { AuthorityMaterial } from './authority.ts';
import { ensureFolder, readIfPresent, readOrCreate, writeDurably } from './durable-file.ts';

const tenYearsMs = 3650 * 24 * 3_600_000;

/** Where an authority's files are and what to make when there are none. */
export interface AuthorityFiles {
  /** Citadel's own folder in the state. */
  readonly folder: string;
  /** Plugged-in authority (Istio's `cacerts`): taken when the folder exists. */
  readonly rootCaDir: string;
  readonly trustDomain: string;
  readonly nowMs: number;
}

function unusable(folder: string, why: string): LateenError {
  const message = `the certificate authority in ${folder} cannot be used: ${why}`;
  return new LateenError(message, { code: 'LTN_CITADEL_AUTHORITY', origin: 'config' });
}

interface AuthorityTexts {
  readonly certificate: string;
  readonly key: string;
  readonly chain: string;
  readonly root: string;
}

function materialOf(folder: string, texts: AuthorityTexts, nowMs: number): AuthorityMaterial {
  const [certificate, ...more] = parseCertificates(texts.certificate) ?? [];
  if (!certificate || more.length > 0) throw unusable(folder, 'ca-cert.pem must hold one certificate');
  const privateKey = parsePrivateKey(texts.key);
  if (!privateKey) throw unusable(folder, 'ca-key.pem holds no private key');
  const roots = parseCertificates(texts.root);
  if (!roots || roots.length === 0) throw unusable(folder, 'root-cert.pem holds no certificate');
  const above = parseCertificates(texts.chain);
  if (!above) throw unusable(folder, 'cert-chain.pem holds a broken certificate');
  // Istio's cert-chain.pem may begin with the authority itself.
  const chain = [certificate, ...above.filter((one) => !one.raw.equals(certificate.raw))];
  const verified = verifyAuthority(chain, roots, { privateKey, nowMs });
  if ('complaint' in verified) throw unusable(folder, verified.complaint);
  return { certificate, privateKey, ...verified.value };
}

function pluggedIn(folder: string, nowMs: number): AuthorityMaterial {
  const read = (name: string): string => {
    const text = readIfPresent(join(folder, name));
    if (text === undefined) throw unusable(folder, `${name} is missing`);
    return text;
  };
  const texts = { certificate: read('ca-cert.pem'), key: read('ca-key.pem'), root: read('root-cert.pem') };
  return materialOf(folder, { ...texts, chain: readIfPresent(join(folder, 'cert-chain.pem')) ?? '' }, nowMs);
}

function selfSigned(files: AuthorityFiles): AuthorityMaterial {
  const { folder, nowMs } = files;
  const certificateFile = join(folder, 'ca-cert.pem');
  const keyFile = join(folder, 'ca-key.pem');
  let certificate = readIfPresent(certificateFile);
  let key = readIfPresent(keyFile);
  if (certificate === undefined) {
    // The certificate is written last: a key without one was left by a crash, and nobody has seen its root.
    const keys = createKeyPair();
    key = privateKeyPem(keys.privateKey);
    certificate = createAuthorityCertificate(keys, {
      organization: files.trustDomain,
      notBeforeMs: nowMs - 120_000,
      notAfterMs: nowMs + tenYearsMs,
    });
    writeDurably(keyFile, key);
    writeDurably(certificateFile, certificate);
  }
  if (key === undefined)
    throw unusable(folder, 'ca-key.pem is missing; restore it, or delete ca-cert.pem for a new root');
  return materialOf(folder, { certificate, key, root: certificate, chain: '' }, nowMs);
}

/**
 * The plugged-in authority, else the self-signed one of earlier starts, else a new one (P-256, ten years).
 * @throws LateenError LTN_CITADEL_AUTHORITY: what is there is never replaced, it says what is wrong with it.
 */
export function loadAuthority(files: AuthorityFiles): AuthorityMaterial {
  ensureFolder(files.folder);
  return existsSync(files.rootCaDir) ? pluggedIn(files.rootCaDir, files.nowMs) : selfSigned(files);
}

/** The key that signs join tokens, made at the first start. */
export function loadTokenKey(folder: string): {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
} {
  const file = join(folder, 'token-key.pem');
  const privateKey = parsePrivateKey(readOrCreate(file, () => privateKeyPem(createKeyPair().privateKey)));
  if (!privateKey) {
    const message = `${file} holds no private key; restore it, or delete it and join workloads anew`;
    throw new LateenError(message, { code: 'LTN_CITADEL_TOKEN_KEY', origin: 'config' });
  }
  return { privateKey, publicKey: createPublicKey(privateKey) };
}
