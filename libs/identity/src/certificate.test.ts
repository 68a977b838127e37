import 'reflect-metadata';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { expect, test } from 'vitest';
import {
  certificateSha256,
  createAuthorityCertificate,
  createCsr,
  createIssuer,
  createKeyPair,
  type KeyPair,
  readSvid,
  verifyChain,
  verifyCsr,
} from './index.ts';

const hour = 3_600_000;
const now = Date.UTC(2026, 10, 25);
const id = 'spiffe://cluster.local/ns/default/sa/reviews';

function authority(
  options: { keys?: KeyPair; parent?: ReturnType<typeof authority>; from?: number; until?: number } = {},
) {
  const keys = options.keys ?? createKeyPair();
  const pem = createAuthorityCertificate(keys, {
    organization: 'cluster.local',
    notBeforeMs: options.from ?? now - hour,
    notAfterMs: options.until ?? now + 100 * hour,
    ...(options.parent
      ? { parent: { certificate: options.parent.certificate, privateKey: options.parent.privateKey } }
      : {}),
  });
  return { certificate: new X509Certificate(pem), privateKey: keys.privateKey };
}

function leaf(
  issuer: ReturnType<typeof authority>,
  options: { uris?: string[]; from?: number; until?: number } = {},
) {
  const keys = createKeyPair();
  const pem = createIssuer(issuer.certificate, issuer.privateKey).issue({
    publicKey: keys.publicKey.export({ format: 'der', type: 'spki' }),
    uris: options.uris ?? [id],
    notBeforeMs: options.from ?? now - 60_000,
    notAfterMs: options.until ?? now + hour,
  });
  return { certificate: new X509Certificate(pem), keys, pem };
}

test('an independent reader sees what a leaf must say', () => {
  const root = authority();
  const issued = leaf(root);
  const seen = new x509.X509Certificate(issued.pem);
  expect(seen.subject).toBe('');
  expect(seen.issuer).toBe('O=cluster.local');
  expect([seen.notBefore.getTime(), seen.notAfter.getTime()]).toEqual([now - 60_000, now + hour]);
  expect(seen.serialNumber).toMatch(/^[4-7][0-9a-f]{31}$/);
  const names = seen.getExtension(x509.SubjectAlternativeNameExtension);
  expect(names?.critical).toBe(true);
  expect(names?.names.toJSON()).toEqual([{ type: 'url', value: id }]);
  const usage = seen.getExtension(x509.KeyUsagesExtension);
  expect(usage?.usages).toBe(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  expect(seen.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([serverAuth, clientAuth]);
  expect(seen.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
  const rootSeen = new x509.X509Certificate(root.certificate.raw);
  expect(seen.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(
    rootSeen.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
  );
  expect(rootSeen.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(true);
});

test('times after 2049 are written as GeneralizedTime', () => {
  const root = authority({ until: Date.UTC(2060, 0, 1) });
  expect(root.certificate.validToDate.getTime()).toBe(Date.UTC(2060, 0, 1));
});

test('an independent reader verifies our CSR, and we verify its', async () => {
  const keys = createKeyPair();
  const pem = createCsr(keys, { uris: [id] });
  const request = new x509.Pkcs10CertificateRequest(pem);
  expect(await request.verify()).toBe(true);
  const spki = keys.publicKey.export({ format: 'der', type: 'spki' });
  expect(verifyCsr(pem)).toEqual({ value: { publicKey: spki } });

  for (const algorithm of [
    { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
  ]) {
    const theirs = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const made = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=someone',
      keys: theirs,
      signingAlgorithm: algorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'evil.example' }])],
    });
    expect(verifyCsr(made.toString('pem'))).toHaveProperty('value');
  }
});

test('CSRs that are not accepted', async () => {
  const pem = createCsr(createKeyPair(), { uris: [id] });
  const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64');
  const wrap = (bytes: Buffer): string =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const flipped = Buffer.from(der);
  const name = flipped.indexOf('reviews');
  flipped[name] = 'R'.charCodeAt(0);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const rows: [string, string, RegExp][] = [
    ['nothing', '', /one PEM block/],
    ['another text', 'deadbeef', /one PEM block/],
    ['two requests', pem + pem, /one PEM block/],
    ['too long', pem + ' '.repeat(20_000), /longer than/],
    ['cut off', wrap(der.subarray(0, der.length - 1)), /malformed: the data is cut off/],
    ['data after the end', wrap(Buffer.concat([der, Buffer.from([0])])), /malformed: data follows/],
    ['a changed name', wrap(flipped), /signature of the CSR is wrong/],
    [
      'a small RSA key',
      createCsr({ privateKey, publicKey }, { uris: [id] }),
      /2048 to 8192 bits, this one has 1024/,
    ],
  ];
  for (const [what, text, complaint] of rows) {
    const result = verifyCsr(text);
    expect('complaint' in result && result.complaint, what).toMatch(complaint);
  }
});

test('a CSR of arbitrary bytes never throws', () => {
  const der = Buffer.from(createCsr(createKeyPair(), { uris: [id] }).replace(/-----.*-----/g, ''), 'base64');
  for (let at = 0; at < der.length; at += 1) {
    for (const value of [0x00, 0x80, 0xff]) {
      const changed = Buffer.from(der);
      changed[at] = value;
      const body = changed.toString('base64');
      verifyCsr(`-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----`);
    }
  }
});

test('chains', () => {
  const root = authority();
  const middle = authority({ parent: root });
  const stranger = authority();
  const bundles = new Map([['cluster.local', [root.certificate]]]);
  const good = leaf(root);
  const deep = leaf(middle);
  const rows: [string, X509Certificate[], number, string | RegExp][] = [
    ['signed by the root', [good.certificate], now, id],
    ['with the root sent along', [good.certificate, root.certificate], now, id],
    ['by an intermediate', [deep.certificate, middle.certificate], now, id],
    ['the intermediate is missing', [deep.certificate], now, /does not end at a trusted root/],
    ['the wrong order', [good.certificate, middle.certificate, good.certificate], now, /CA flag set to true/],
    [
      'another root',
      [leaf(stranger).certificate, stranger.certificate],
      now,
      /does not end at a trusted root/,
    ],
    [
      'a leaf as authority',
      [leaf({ ...good, privateKey: good.keys.privateKey }).certificate, good.certificate],
      now,
      /CA flag/,
    ],
    ['not yet valid', [good.certificate], now - 2 * hour, /not valid before/],
    ['expired', [good.certificate], now + 2 * hour, /expired/],
    ['an authority', [root.certificate], now, /no URI SAN/],
    ['two ids', [leaf(root, { uris: [id, `${id}2`] }).certificate], now, /more than one URI SAN/],
    ['no SPIFFE id', [leaf(root, { uris: ['https://example.com/'] }).certificate], now, /scheme is missing/],
    [
      'another trust domain',
      [leaf(root, { uris: ['spiffe://td2/ns/a/sa/b'] }).certificate],
      now,
      /no roots are known/,
    ],
    ['nothing', [], now, /no certificates/],
  ];
  for (const [what, chain, nowMs, expected] of rows) {
    const result = verifyChain(chain, bundles, { nowMs });
    if (typeof expected === 'string') expect(result, what).toMatchObject({ value: { id: expected } });
    else expect('complaint' in result && result.complaint, what).toMatch(expected);
  }
});

test('a leaf among the roots vouches for nobody', () => {
  const root = authority();
  const trusted = leaf(root);
  const below = leaf({ certificate: trusted.certificate, privateKey: trusted.keys.privateKey });
  const bundles = new Map([['cluster.local', [trusted.certificate]]]);
  expect(verifyChain([below.certificate], bundles, { nowMs: now })).toEqual({
    complaint: 'the chain does not end at a trusted root',
  });
});

test('a leaf fits its own key alone', () => {
  const issued = leaf(authority());
  expect(readSvid([issued.certificate], issued.keys.privateKey)).toMatchObject({ value: { id } });
  expect(readSvid([issued.certificate], createKeyPair().privateKey)).toEqual({
    complaint: 'leaf certificate does not match private key',
  });
});

test('an RSA authority signs too', () => {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const root = authority({ keys });
  const issued = leaf(root);
  expect(
    verifyChain([issued.certificate], new Map([['cluster.local', [root.certificate]]]), { nowMs: now }),
  ).toMatchObject({
    value: { id },
  });
  const ed25519 = generateKeyPairSync('ed25519');
  expect(() => authority({ keys: ed25519 })).toThrow(/must be RSA or EC/);
});

test('the pin is the SHA-256 of the DER', async () => {
  const { certificate } = authority();
  const digest = await crypto.subtle.digest('SHA-256', certificate.raw);
  expect(certificateSha256(certificate)).toBe(Buffer.from(digest).toString('hex'));
});
