import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createWorkloadIdentity, type WorkloadIdentityOptions } from '@lateen/agent';
import {
  componentId,
  createAuthorityCertificate,
  createCsr,
  createKeyPair,
  parseCertificates,
  privateKeyPem,
  readJoinToken,
  readSvid,
} from '@lateen/identity';
import {
  channelCredentials,
  methods,
  RpcClient,
  rootCredentials,
  rpcStatus,
  type TlsIdentity,
} from '@lateen/rpc';
import { silentLogger, systemClock, WatchValue } from '@lateen/runtime';
import { createTemporaryFolder, createTestAuthority, type TemporaryFolder } from '@lateen/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Citadel, createCitadel, readSettings } from './index.ts';

const reviews = 'spiffe://cluster.local/ns/default/sa/reviews';
const citadelId = componentId('citadel', 'cluster.local');
const hour = 3_600_000;

let folder: TemporaryFolder;
let citadel: Citadel;

function create(environment: Record<string, string> = {}): Citadel {
  const settings = readSettings({
    CITADEL_ADDRESS: '127.0.0.1:0',
    CITADEL_ADMIN_ADDRESS: '127.0.0.1:0',
    LATEEN_STATE_DIR: folder.path,
    ...environment,
  });
  return createCitadel(settings, { clock: systemClock, logger: silentLogger });
}

beforeEach(async () => {
  folder = createTemporaryFolder();
  citadel = create();
  await citadel.start();
});

afterEach(async () => {
  await citadel.stop();
  folder[Symbol.dispose]();
});

function identityOptions(options: Partial<WorkloadIdentityOptions> = {}): WorkloadIdentityOptions {
  return {
    citadelAddress: `127.0.0.1:${citadel.port}`,
    joinToken: () => citadel.issueJoinToken('default', 'reviews', 60_000),
    principal: reviews,
    trustDomain: 'cluster.local',
    clock: systemClock,
    random: () => 0.5,
    logger: silentLogger,
    startTimeoutMs: 5000,
    ...options,
  };
}

async function withClient<T>(
  credentials: ConstructorParameters<typeof RpcClient>[1],
  use: (client: RpcClient) => Promise<T>,
): Promise<T> {
  const client = new RpcClient(`127.0.0.1:${citadel.port}`, credentials);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function createCertificate(
  request: { csr?: string; validityDuration?: number },
  metadata: Record<string, string> = {},
) {
  const credentials = rootCredentials(citadel.rootCertificate, { serverPrincipals: [citadelId] });
  return withClient(credentials, (client) =>
    client.unary(methods.createCertificate, request, { timeoutMs: 5000, metadata }),
  );
}

const bearer = async (): Promise<Record<string, string>> => ({
  authorization: `Bearer ${await citadel.issueJoinToken('default', 'reviews', 60_000)}`,
});

test('a workload joins with a token, then renews with its certificate alone', async () => {
  let tokens = 0;
  const workload = createWorkloadIdentity(
    identityOptions({
      joinToken: () => {
        tokens += 1;
        return citadel.issueJoinToken('default', 'reviews', 60_000);
      },
      ttlMs: 2000,
    }),
  );
  await workload.start();
  const first = workload.identity.current;
  expect(new X509Certificate(first!.certificateChain).subjectAltName).toBe(`URI:${reviews}`);
  expect(first!.trustBundle).toBe(citadel.rootCertificate);
  expect(workload.state.current).toBe('active');
  const second = await workload.identity.until((now) => now !== first);
  expect(second!.privateKey).not.toBe(first!.privateKey);
  expect(tokens).toBe(1);
  await workload.stop();
  expect(workload.state.current).toBe('idle');
});

test('a certificate survives citadel being away, and is renewed when it is back', async () => {
  const workload = createWorkloadIdentity(identityOptions({ ttlMs: 4000 }));
  await workload.start();
  const first = workload.identity.current;
  const { port, rootSha256 } = citadel;
  await citadel.stop();
  await workload.state.until((state) => state === 'degraded');
  expect(workload.identity.current).toBe(first);
  citadel = create({ CITADEL_ADDRESS: `127.0.0.1:${port}` });
  await citadel.start();
  expect(citadel.rootSha256).toBe(rootSha256);
  await workload.identity.until((now) => now !== first);
  await workload.stop();
});

test('a certificate that expired meanwhile is replaced with a new join token', async () => {
  const asked = new WatchValue(0);
  const workload = createWorkloadIdentity(
    identityOptions({
      ttlMs: 1000,
      joinToken: () => {
        asked.set(asked.current + 1);
        return citadel.issueJoinToken('default', 'reviews', 60_000);
      },
    }),
  );
  await workload.start();
  const first = workload.identity.current;
  const { port } = citadel;
  await citadel.stop();
  await asked.until((times) => times > 1);
  citadel = create({ CITADEL_ADDRESS: `127.0.0.1:${port}` });
  await citadel.start();
  await workload.identity.until((now) => now !== first);
  await workload.stop();
});

test('a citadel that the token does not name is refused', async () => {
  using elsewhere = createTemporaryFolder();
  const other = create({ LATEEN_STATE_DIR: elsewhere.path });
  await other.start();
  const workload = createWorkloadIdentity(
    identityOptions({ citadelAddress: `127.0.0.1:${other.port}`, startTimeoutMs: 300 }),
  );
  await expect(workload.start()).rejects.toThrow(/not the citadel that the join token names/);
  await other.stop();
});

test('a token for somebody else is not sent', async () => {
  const workload = createWorkloadIdentity(
    identityOptions({
      joinToken: () => citadel.issueJoinToken('default', 'ratings', 60_000),
      startTimeoutMs: 300,
    }),
  );
  await expect(workload.start()).rejects.toThrow(
    /the join token is for .*ratings, expected one for .*reviews/,
  );
});

test('the names in a CSR are ignored: the caller gets its own id', async () => {
  const csr = createCsr(createKeyPair(), {
    uris: ['spiffe://cluster.local/ns/istio-system/sa/admin'],
    dnsNames: ['evil.example'],
  });
  const { certChain = [] } = await createCertificate({ csr }, await bearer());
  const chain = parseCertificates(certChain.join('')) ?? [];
  expect(chain[0]?.subjectAltName).toBe(`URI:${reviews}`);
  expect(chain.at(-1)?.toString()).toBe(citadel.rootCertificate);
});

test('whoever proves nothing gets nothing', async () => {
  const csr = createCsr(createKeyPair(), { uris: [reviews] });
  using elsewhere = createTemporaryFolder();
  const foreign = create({ LATEEN_STATE_DIR: elsewhere.path });
  await foreign.start();
  const foreignToken = await foreign.issueJoinToken('default', 'reviews', 60_000);
  await foreign.stop();
  const rows: [string, Record<string, string>, RegExp][] = [
    ['no proof', {}, /no join token/],
    ['basic authorization', { authorization: 'Basic abc' }, /no join token/],
    ['garbage', { authorization: 'Bearer abc' }, /not accepted/],
    [
      'expired',
      { authorization: `Bearer ${await citadel.issueJoinToken('default', 'reviews', -60_000)}` },
      /exp/,
    ],
    ['another citadel', { authorization: `Bearer ${foreignToken}` }, /signature/],
  ];
  for (const [what, metadata, message] of rows) {
    await expect(createCertificate({ csr }, metadata), what).rejects.toMatchObject({
      status: rpcStatus.UNAUTHENTICATED,
      message: expect.stringMatching(message),
    });
  }
});

test('a client certificate of another root proves nothing', async () => {
  const stranger = createTestAuthority({ nowMs: Date.now() }).issue(reviews);
  const identity = new WatchValue<TlsIdentity | undefined>({
    ...stranger,
    trustBundle: citadel.rootCertificate,
  });
  const csr = createCsr(createKeyPair(), { uris: [reviews] });
  const credentials = channelCredentials(identity, { serverPrincipals: [citadelId] });
  await expect(
    withClient(credentials, (client) =>
      client.unary(methods.createCertificate, { csr }, { timeoutMs: 5000 }),
    ),
  ).rejects.toMatchObject({ status: rpcStatus.UNAUTHENTICATED });
});

test('what is wrong with a request is said', async () => {
  const csr = createCsr(createKeyPair(), { uris: [reviews] });
  const rows: [string, { csr?: string; validityDuration?: number }][] = [
    ['no CSR', {}],
    ['garbage', { csr: 'dumb CSR' }],
    ['too long a life', { csr, validityDuration: 91 * 24 * 3600 }],
  ];
  for (const [what, request] of rows) {
    await expect(createCertificate(request, await bearer()), what).rejects.toMatchObject({
      status: rpcStatus.INVALID_ARGUMENT,
    });
  }
  await expect(createCertificate({ csr: 'x'.repeat(100_000) }, await bearer())).rejects.toMatchObject({
    status: rpcStatus.RESOURCE_EXHAUSTED,
  });
});

test('the life of a certificate is what was asked for, a day when nothing was', async () => {
  const life = async (validityDuration?: number): Promise<number> => {
    const csr = createCsr(createKeyPair(), { uris: [reviews] });
    const request = validityDuration === undefined ? { csr } : { csr, validityDuration };
    const { certChain = [] } = await createCertificate(request, await bearer());
    const svid = readSvid(parseCertificates(certChain[0]!)!);
    return 'value' in svid ? svid.value.notAfterMs - Date.now() : 0;
  };
  expect(await life()).toBeGreaterThan(24 * hour - 60_000);
  expect(await life(3600)).toBeLessThanOrEqual(hour);
  expect(await life(3600)).toBeGreaterThan(hour - 60_000);
});

test("the state is the owner's alone", () => {
  const files = [
    'admin-token',
    'citadel/ca-key.pem',
    'citadel/ca-cert.pem',
    'citadel/token-key.pem',
    'tokens/pilot',
  ];
  for (const file of files) expect(statSync(join(folder.path, file)).mode & 0o777, file).toBe(0o600);
  const left = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.draft'),
  );
  expect(left).toEqual([]);
});

test('each component finds a token', () => {
  expect(readdirSync(join(folder.path, 'tokens')).sort()).toEqual([
    'galley',
    'ingress-gateway',
    'mixer',
    'pilot',
  ]);
  const token = readFileSync(join(folder.path, 'tokens/pilot'), 'utf8').trim();
  expect(readJoinToken(token)).toEqual({
    value: { subject: componentId('pilot', 'cluster.local'), rootSha256: citadel.rootSha256 },
  });
});

test('a restart keeps root and token key; a key without its certificate is a crash and starts anew', async () => {
  const { rootSha256 } = citadel;
  const token = await citadel.issueJoinToken('default', 'reviews', 60_000);
  await citadel.stop();
  citadel = create();
  await citadel.start();
  expect(citadel.rootSha256).toBe(rootSha256);
  const csr = createCsr(createKeyPair(), { uris: [reviews] });
  await createCertificate({ csr }, { authorization: `Bearer ${token}` });
  await citadel.stop();
  rmSync(join(folder.path, 'citadel/ca-cert.pem'));
  citadel = create();
  await citadel.start();
  expect(citadel.rootSha256).not.toBe(rootSha256);
});

test('a broken authority is reported and left alone', async () => {
  await citadel.stop();
  const file = join(folder.path, 'citadel/ca-key.pem');
  writeFileSync(file, 'broken');
  citadel = create();
  await expect(citadel.start()).rejects.toThrow(/ca-key.pem holds no private key/);
  expect(readFileSync(file, 'utf8')).toBe('broken');
  rmSync(file);
  await expect(create().start()).rejects.toThrow(/ca-key.pem is missing; restore it/);
});

test('a plugged-in intermediate signs, and the chain leads to its root', async () => {
  await citadel.stop();
  const validity = { notBeforeMs: Date.now() - hour, notAfterMs: Date.now() + 100 * hour };
  const rootKeys = createKeyPair();
  const root = createAuthorityCertificate(rootKeys, { organization: 'Root', ...validity });
  const keys = createKeyPair();
  const parent = { certificate: new X509Certificate(root), privateKey: rootKeys.privateKey };
  const middle = createAuthorityCertificate(keys, { organization: 'Middle', ...validity, parent });
  const cacerts = join(folder.path, 'cacerts');
  mkdirSync(cacerts);
  writeFileSync(join(cacerts, 'ca-cert.pem'), middle);
  writeFileSync(join(cacerts, 'ca-key.pem'), privateKeyPem(keys.privateKey));
  writeFileSync(join(cacerts, 'root-cert.pem'), root);
  writeFileSync(join(cacerts, 'cert-chain.pem'), middle + root);
  citadel = create();
  await citadel.start();
  expect(citadel.rootCertificate).toBe(root);
  const csr = createCsr(createKeyPair(), { uris: [reviews] });
  const { certChain = [] } = await createCertificate({ csr }, await bearer());
  expect(certChain.slice(1)).toEqual([middle, root]);
  const workload = createWorkloadIdentity(identityOptions());
  await workload.start();
  expect(parseCertificates(workload.identity.current!.certificateChain)).toHaveLength(2);
  await workload.stop();
  await citadel.stop();
  writeFileSync(join(cacerts, 'ca-key.pem'), privateKeyPem(createKeyPair().privateKey));
  await expect(create().start()).rejects.toThrow(/does not match the key/);
});

function admin(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const text = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = { ...(text ? { 'content-type': 'application/json' } : {}), ...options.headers };
    const target = {
      host: '127.0.0.1',
      port: citadel.adminPort,
      path,
      method: options.method ?? 'GET',
      headers,
    };
    const outgoing = httpRequest(target, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }));
    });
    outgoing.on('error', reject).end(text);
  });
}

test('the admin API mints join tokens for the bearer of the admin token', async () => {
  const authorization = `Bearer ${readFileSync(join(folder.path, 'admin-token'), 'utf8').trim()}`;
  const body = { namespace: 'default', serviceAccount: 'reviews', ttlSeconds: 600 };
  const post = (headers: Record<string, string>, change: object = {}) =>
    admin('/v1/join-tokens', { method: 'POST', headers, body: { ...body, ...change } });
  const minted = await post({ authorization });
  expect(minted.status).toBe(200);
  const token = (JSON.parse(minted.text) as { token: string }).token;
  expect(readJoinToken(token)).toMatchObject({ value: { subject: reviews } });
  const rows: [string, Promise<{ status: number; text: string }>, number, RegExp][] = [
    ['no token', post({}), 401, /admin-token/],
    ['wrong token', post({ authorization: 'Bearer x' }), 401, /admin-token/],
    ['foreign host', post({ authorization, host: 'evil.example' }), 403, /not called/],
    ['foreign origin', post({ authorization, origin: 'https://evil.example' }), 403, /may not call/],
    ['a name that climbs', post({ authorization }, { namespace: '..' }), 400, /make no identity/],
    ['a name with a slash', post({ authorization }, { serviceAccount: 'a/b' }), 400, /make no identity/],
    ['a life without end', post({ authorization }, { ttlSeconds: 1e9 }), 400, /ttlSeconds/],
    ['no names', post({ authorization }, { namespace: undefined }), 400, /namespace/],
    ['another path', admin('/v1/keys', { headers: { authorization } }), 404, /no such/],
  ];
  for (const [what, answer, status, text] of rows) {
    expect(await answer, what).toEqual({ status, text: expect.stringMatching(text) });
  }
});

test('health and metrics', async () => {
  await createCertificate({ csr: createCsr(createKeyPair(), { uris: [reviews] }) }, await bearer());
  expect(await admin('/healthz/ready')).toEqual({ status: 200, text: 'ok\n' });
  const { text } = await admin('/metrics');
  expect(text).toContain('citadel_server_csr_count 1\n');
  expect(text).toContain('citadel_server_success_cert_issuance_count 1\n');
});

test('a taken address says so, and nothing stays behind', async () => {
  const second = create({ CITADEL_ADDRESS: `127.0.0.1:${citadel.port}` });
  await expect(second.start()).rejects.toThrow(/is taken/);
  expect(existsSync(join(folder.path, 'citadel/ca-cert.pem'))).toBe(true);
});

test('settings report every problem', () => {
  expect(() =>
    readSettings({ CITADEL_ADDRESS: 'x', TRUST_DOMAIN: 'A/B', DEFAULT_WORKLOAD_CERT_TTL: '1 day' }),
  ).toThrow(/CITADEL_ADDRESS: [^]*TRUST_DOMAIN: [^]*|TRUST_DOMAIN: [^]*CITADEL_ADDRESS/);
});
