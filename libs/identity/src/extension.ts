import { bitString, derTag, element, objectIdentifier, sequence } from './der.ts';

/** Object identifiers of the certificate extensions that are written or understood here. */
export const extensionOid = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Extension of RFC 5280 section 4.1 around an already encoded value. */
function extension(oid: string, value: Uint8Array, critical = false): Buffer {
  const flag = critical ? [element(derTag.boolean, Buffer.from([0xff]))] : [];
  return sequence(objectIdentifier(oid), ...flag, element(derTag.octetString, value));
}

/** Names a certificate is for. */
export interface SubjectNames {
  readonly uris: readonly string[];
  readonly dnsNames?: readonly string[];
}

/** Subject alternative names: URIs first, then DNS names. All ASCII. */
export function subjectAltName(names: SubjectNames, critical: boolean): Buffer {
  const entries = [
    ...names.uris.map((uri) => element(0x86, Buffer.from(uri, 'ascii'))),
    ...(names.dnsNames ?? []).map((name) => element(0x82, Buffer.from(name, 'ascii'))),
  ];
  return extension(extensionOid.subjectAltName, sequence(...entries), critical);
}

/** Key usage of a leaf: digitalSignature and keyEncipherment. */
export const leafKeyUsage = extension(extensionOid.keyUsage, bitString(Buffer.from([0xa0]), 5), true);

/** Key usage of an authority: keyCertSign and cRLSign. */
export const authorityKeyUsage = extension(extensionOid.keyUsage, bitString(Buffer.from([0x06]), 1), true);

/** Extended key usage: TLS server and client. */
export const leafExtendedKeyUsage = extension(
  extensionOid.extendedKeyUsage,
  sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'), objectIdentifier('1.3.6.1.5.5.7.3.2')),
);

/** Basic constraints of a leaf (no authority). */
export const leafConstraints = extension(extensionOid.basicConstraints, sequence(), true);

/** Basic constraints of an authority. */
export const authorityConstraints = extension(
  extensionOid.basicConstraints,
  sequence(element(derTag.boolean, Buffer.from([0xff]))),
  true,
);

/** Subject key identifier. */
export function subjectKeyId(id: Uint8Array): Buffer {
  return extension(extensionOid.subjectKeyId, element(derTag.octetString, id));
}

/** Authority key identifier. */
export function authorityKeyId(id: Uint8Array): Buffer {
  return extension(extensionOid.authorityKeyId, sequence(element(0x80, id)));
}
