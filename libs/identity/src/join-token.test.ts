import { SignJWT, UnsecuredJWT } from 'jose';
import { expect, test } from 'vitest';
import { createKeyPair, mintJoinToken, readJoinToken, verifyJoinToken } from './index.ts';

const now = Date.UTC(2026, 10, 25);
const subject = 'spiffe://cluster.local/ns/default/sa/reviews';
const rootSha256 = 'ab'.repeat(32);
const keys = createKeyPair();
const minutes = 60_000;

test('a join token names its bearer and the root', async () => {
  const token = await mintJoinToken(keys.privateKey, {
    subject,
    rootSha256,
    nowMs: now,
    ttlMs: 10 * minutes,
  });
  expect(readJoinToken(token)).toEqual({ value: { subject, rootSha256 } });
  const verified = await verifyJoinToken(token, keys.publicKey, {
    trustDomain: 'cluster.local',
    nowMs: now + 9 * minutes,
  });
  expect(verified).toEqual({ value: subject });
});

test('tokens that are refused', async () => {
  const sign = (claims: Record<string, unknown>, key = keys.privateKey): Promise<string> =>
    new SignJWT({ aud: 'istio-ca', sub: subject, exp: now / 1000 + 600, ...claims })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(key);
  const rows: [string, string, RegExp][] = [
    ['expired', await sign({ exp: now / 1000 - 1 }), /exp/],
    ['without an end', await sign({ exp: undefined }), /exp/],
    ['for another audience', await sign({ aud: 'vault' }), /aud/],
    ['signed by another key', await sign({}, createKeyPair().privateKey), /signature/],
    ['of another trust domain', await sign({ sub: 'spiffe://other/ns/a/sa/b' }), /trust domain other/],
    [
      'with a subject of another form',
      await sign({ sub: 'spiffe://cluster.local/reviews' }),
      /not a workload id/,
    ],
    ['without a subject', await sign({ sub: undefined }), /sub/],
    [
      'with a path that climbs',
      await sign({ sub: 'spiffe://cluster.local/ns/../sa/b' }),
      /not a workload id/,
    ],
    [
      'unsigned',
      new UnsecuredJWT({ aud: 'istio-ca', sub: subject }).setExpirationTime(now / 1000 + 600).encode(),
      /alg|JWS/i,
    ],
    ['no token', 'abc', /./],
    ['too long', 'a'.repeat(5000), /too long/],
  ];
  for (const [what, token, complaint] of rows) {
    const result = await verifyJoinToken(token, keys.publicKey, { trustDomain: 'cluster.local', nowMs: now });
    expect('complaint' in result && result.complaint, what).toMatch(complaint);
  }
});

test('a pin that is no hash is not read', async () => {
  const token = await mintJoinToken(keys.privateKey, {
    subject,
    rootSha256: 'abc',
    nowMs: now,
    ttlMs: minutes,
  });
  expect(readJoinToken(token)).toEqual({ complaint: 'it holds no root_sha256' });
  expect(readJoinToken('abc')).toEqual({ complaint: 'it is not a JWT' });
});
