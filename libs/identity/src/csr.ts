import { createPublicKey, verify } from 'node:crypto';
import {
  bitString,
  DerError,
  DerReader,
  derTag,
  element,
  objectIdentifier,
  oidText,
  sequence,
} from './der.ts';
import { subjectAltName, type SubjectNames } from './extension.ts';
import { createSigner, type KeyPair, publicKeyComplaint, signatureHashes } from './key.ts';
import { encodePem, decodePem } from './pem.ts';
import type { Parsed } from './spiffe-id.ts';

/** Longest CSR that is read, in characters of PEM. One of an 8192-bit RSA key has some 3000. */
const maxCsrLength = 16 * 1024;

/** PKCS #10 request (RFC 2986) as PEM: empty subject, the names as an extension request, signed by the key. */
export function createCsr(keys: KeyPair, names: SubjectNames): string {
  const signer = createSigner(keys.privateKey);
  if (!signer) throw new Error('a CSR needs an RSA or EC key'); // a bug: keys of this room are P-256
  const extensions = sequence(subjectAltName(names, true));
  const attribute = sequence(objectIdentifier('1.2.840.113549.1.9.14'), element(derTag.set, extensions));
  const info = sequence(
    element(derTag.integer, Buffer.from([0])),
    sequence(),
    keys.publicKey.export({ format: 'der', type: 'spki' }),
    element(0xa0, attribute),
  );
  return encodePem('CERTIFICATE REQUEST', sequence(info, signer.algorithm, bitString(signer.sign(info))));
}

/** What counts in a CSR: the key that its holder proved to have. The names that it asks for are nobody's proof. */
export interface CertificateRequest {
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
}

/** Reads a PEM CSR and checks its signature and the type and size of its key. */
export function verifyCsr(pem: string): Parsed<CertificateRequest> {
  if (pem.length > maxCsrLength) return { complaint: `the CSR is longer than ${maxCsrLength} characters` };
  const blocks = decodePem(pem, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']);
  const [der] = blocks;
  if (!der || blocks.length > 1) return { complaint: 'expected one PEM block "CERTIFICATE REQUEST"' };
  try {
    return readCsr(der);
  } catch (error) {
    if (error instanceof DerError) return { complaint: `the CSR is malformed: ${error.message}` };
    throw error;
  }
}

function readCsr(der: Buffer): Parsed<CertificateRequest> {
  const outer = new DerReader(der);
  const request = outer.enter(derTag.sequence);
  outer.end();
  const info = request.next(derTag.sequence);
  const algorithm = oidText(request.enter(derTag.sequence).next(derTag.oid).content);
  const signature = request.next(derTag.bitString).content.subarray(1);
  request.end();
  const fields = new DerReader(info.content);
  fields.next(derTag.integer);
  fields.next(derTag.sequence);
  const publicKey = fields.next(derTag.sequence).bytes;
  const how = signatureHashes.get(algorithm);
  if (!how) return { complaint: `the CSR is signed with an algorithm that is not accepted (${algorithm})` };
  let key: ReturnType<typeof createPublicKey>;
  try {
    key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
  } catch {
    return { complaint: 'the public key of the CSR cannot be read' }; // OpenSSL's texts don't help a caller
  }
  const complaint = publicKeyComplaint(key);
  if (complaint) return { complaint };
  if (key.asymmetricKeyType !== how.keyType || !verify(how.hash, info.bytes, key, signature)) {
    return { complaint: 'the signature of the CSR is wrong' };
  }
  return { value: { publicKey } };
}
