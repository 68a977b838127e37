export { certificatesPem, parseCertificates } from './certificate.ts';
export { readSvid, type Svid, type TrustBundles, verifyAuthority, verifyChain } from './chain.ts';
export { type CertificateRequest, createCsr, verifyCsr } from './csr.ts';
export type { SubjectNames } from './extension.ts';
export {
  type AuthorityParent,
  certificateSha256,
  createAuthorityCertificate,
  createIssuer,
  type Issuer,
  type LeafOptions,
  type Validity,
} from './issue.ts';
export {
  joinTokenAudience,
  type JoinTokenClaims,
  type JoinTokenOptions,
  mintJoinToken,
  readJoinToken,
  verifyJoinToken,
} from './join-token.ts';
export { createKeyPair, type KeyPair, parsePrivateKey, privateKeyPem } from './key.ts';
export {
  appendPath,
  formatSpiffeId,
  type Parsed,
  parseSpiffeId,
  parseTrustDomain,
  segmentComplaint,
  type SpiffeId,
  spiffeIdOf,
  spiffeIdOfSegments,
} from './spiffe-id.ts';
export {
  componentAccounts,
  componentId,
  expandTrustDomains,
  formatWorkloadId,
  parseWorkloadId,
  rootNamespace,
  type WorkloadId,
} from './workload-id.ts';
