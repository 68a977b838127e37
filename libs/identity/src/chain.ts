import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  basicConstraints,
  type CertificateParts,
  certificateParts,
  keyUsageBits,
  uriNames,
} from './certificate.ts';
import { DerError } from './der.ts';
import { extensionOid } from './extension.ts';
import { formatSpiffeId, type Parsed, parseSpiffeId } from './spiffe-id.ts';

/** Roots by trust domain: a certificate is judged by the roots of its own trust domain alone (SPIFFE X.509-SVID §5). */
export type TrustBundles = ReadonlyMap<string, readonly X509Certificate[]>;

/** A leaf whose form is that of a SPIFFE X.509-SVID. */
export interface Svid {
  /** `spiffe://TRUST_DOMAIN/PATH`. */
  readonly id: string;
  readonly trustDomain: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const digitalSignature = 0x80;
const certificateSign = 0x04;
const crlSign = 0x02;

/** Critical extensions that are understood here or that TLS itself checks. */
const understood: ReadonlySet<string> = new Set(Object.values(extensionOid));

function leafComplaint(parts: CertificateParts): string | undefined {
  if (basicConstraints(parts).authority) return 'leaf certificate must not have CA flag set to true';
  const usage = keyUsageBits(parts) ?? 0;
  if ((usage & digitalSignature) === 0)
    return "leaf certificate must have 'digitalSignature' set as key usage";
  if ((usage & certificateSign) !== 0) return "leaf certificate must not have 'keyCertSign' set as key usage";
  if ((usage & crlSign) !== 0) return "leaf certificate must not have 'cRLSign' set as key usage";
  return undefined;
}

function authorityComplaint(parts: CertificateParts): string | undefined {
  if (!basicConstraints(parts).authority) return 'signing certificate must have CA flag set to true';
  const usage = keyUsageBits(parts);
  if (usage === undefined || (usage & certificateSign) === 0) {
    return "signing certificate must have 'keyCertSign' set as key usage";
  }
  return undefined;
}

function readId(parts: CertificateParts): Parsed<{ readonly id: string; readonly trustDomain: string }> {
  const [uri, ...more] = uriNames(parts);
  if (uri === undefined) return { complaint: 'certificate contains no URI SAN' };
  if (more.length > 0) return { complaint: 'certificate contains more than one URI SAN' };
  const id = parseSpiffeId(uri);
  if ('complaint' in id) return { complaint: `cannot get a SPIFFE id from the URI SAN: ${id.complaint}` };
  return { value: { id: formatSpiffeId(id.value), trustDomain: id.value.trustDomain } };
}

/** Runs a reading of certificates; what isn't DER becomes a complaint. */
function guarded<T>(read: () => Parsed<T>): Parsed<T> {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError) return { complaint: `a certificate is malformed: ${error.message}` };
    throw error;
  }
}

/**
 * Checks the form of a chain (leaf first) by SPIFFE X.509-SVID section 4 and 5.2 and, when a key is given, that the
 * leaf is that key's. Time and trust are `verifyChain`'s matter.
 */
export function readSvid(chain: readonly X509Certificate[], privateKey?: KeyObject): Parsed<Svid> {
  return guarded(() => {
    const [leaf, ...authorities] = chain;
    if (!leaf) return { complaint: 'no certificates found' };
    const parts = certificateParts(leaf);
    const id = readId(parts);
    if ('complaint' in id) return id;
    const complaint =
      leafComplaint(parts) ??
      authorities
        .map((one) => authorityComplaint(certificateParts(one)))
        .find((found) => found !== undefined);
    if (complaint) return { complaint };
    if (privateKey && !leaf.checkPrivateKey(privateKey))
      return { complaint: 'leaf certificate does not match private key' };
    const validity = { notBeforeMs: leaf.validFromDate.getTime(), notAfterMs: leaf.validToDate.getTime() };
    return { value: { ...id.value, ...validity } };
  });
}

function timeComplaint(certificate: X509Certificate, nowMs: number): string | undefined {
  if (nowMs < certificate.validFromDate.getTime())
    return `a certificate is not valid before ${certificate.validFrom}`;
  if (nowMs > certificate.validToDate.getTime()) return `a certificate has expired on ${certificate.validTo}`;
  return undefined;
}

/** May `issuer` stand above `certificate`, with `below` intermediates between it and the leaf? */
function issues(issuer: X509Certificate, certificate: X509Certificate, below: number): boolean {
  const { authority, pathLength } = basicConstraints(certificateParts(issuer));
  if (!authority || (pathLength !== undefined && below > pathLength)) return false;
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Walks from the first certificate up to a root; what is wrong on the way, or `undefined`. */
function pathComplaint(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  nowMs: number,
): string | undefined {
  for (const [index, certificate] of chain.entries()) {
    const extensions = [...certificateParts(certificate).extensions];
    const stranger = extensions.find(([oid, { critical }]) => critical && !understood.has(oid));
    if (stranger) return `a certificate has the unknown critical extension ${stranger[0]}`;
    const complaint = timeComplaint(certificate, nowMs);
    if (complaint) return complaint;
    const root = roots.find((candidate) => issues(candidate, certificate, index));
    if (root) return timeComplaint(root, nowMs);
    const next = chain[index + 1];
    if (!next || !issues(next, certificate, index)) break;
  }
  return 'the chain does not end at a trusted root';
}

/**
 * Checks a chain (leaf first, intermediates in order; roots may follow and prove nothing) at a moment: form,
 * signatures, path length, validity, and that it ends at a root of the leaf's own trust domain.
 */
export function verifyChain(
  chain: readonly X509Certificate[],
  bundles: TrustBundles,
  options: { readonly nowMs: number },
): Parsed<Svid> {
  return guarded(() => {
    const svid = readSvid(chain);
    if ('complaint' in svid) return svid;
    const roots = bundles.get(svid.value.trustDomain);
    if (!roots) return { complaint: `no roots are known for the trust domain ${svid.value.trustDomain}` };
    const complaint = pathComplaint(chain, roots, options.nowMs);
    return complaint ? { complaint } : svid;
  });
}

/**
 * Checks that the first certificate of a chain (its intermediates follow) may sign certificates for everybody who
 * trusts the roots, and that the key is its. Answers the chain of intermediates below the root.
 */
export function verifyAuthority(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  options: { readonly privateKey: KeyObject; readonly nowMs: number },
): Parsed<{ readonly root: X509Certificate; readonly intermediates: readonly X509Certificate[] }> {
  return guarded(() => {
    const [authority] = chain;
    if (!authority) return { complaint: 'no certificates found' };
    if (!authority.checkPrivateKey(options.privateKey))
      return { complaint: 'the certificate does not match the key' };
    for (const certificate of chain) {
      const complaint = authorityComplaint(certificateParts(certificate));
      if (complaint) return { complaint };
    }
    const complaint = pathComplaint(chain, roots, options.nowMs);
    if (complaint) return { complaint };
    const isRoot = (certificate: X509Certificate): boolean =>
      roots.some((root) => root.raw.equals(certificate.raw));
    const intermediates = chain.slice(
      0,
      chain.findIndex(isRoot) < 0 ? chain.length : chain.findIndex(isRoot),
    );
    const top = intermediates.at(-1);
    const root = roots.find((one) => (top ? issues(one, top, 0) : one.raw.equals(authority.raw)));
    return root
      ? { value: { root, intermediates } }
      : { complaint: 'the chain does not end at a trusted root' };
  });
}
