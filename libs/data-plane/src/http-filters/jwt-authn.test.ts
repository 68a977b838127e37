import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { exchange, fixedCluster, type ProxyFixtureOptions, startProxy } from '../http/proxy-fixture.ts';

const filter = 'envoy.filters.http.jwt_authn';
const message = 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const local = {
  inlineString: JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'r' }] }),
};
const seconds = Math.floor(Date.now() / 1000);
const claims = { iss: 'a', sub: 'me', exp: seconds + 600, aud: ['x'], groups: ['dev'], n: { q: 'deep' } };

const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function tokenOf(payload: object = {}, header: object = {}, key = rsa.privateKey): string {
  const signed = `${segment({ alg: 'RS256', kid: 'r', ...header })}.${segment({ ...claims, ...payload })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type Json = Readonly<Record<string, unknown>>;

async function guard(config: Json, more: Partial<ProxyFixtureOptions> = {}) {
  const seen: IncomingMessage[] = [];
  const origin = createServer((request, response) => {
    seen.push(request);
    response.end('origin');
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { filters = [], ...rest } = more;
  const proxy = await startProxy({
    clusters: [fixedCluster('origin', [(origin.address() as AddressInfo).port])],
    filters: [[filter, message, config], ...filters],
    ...rest,
  });
  closers.push(
    () => origin.closeAllConnections(),
    () => origin.close(),
    () => proxy.close(),
  );
  const ask = (headers: Json = {}, target = '/p', method = 'GET'): Promise<string> => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    return exchange(
      proxy.port,
      `${method} ${target} HTTP/1.1\r\nHost: h\r\n${lines.join('')}Connection: close\r\n\r\n`,
    );
  };
  return { ...proxy, seen, ask };
}

const bearer = (token: string): Json => ({ Authorization: `Bearer ${token}` });
const always = (requires: Json): Json[] => [{ match: { prefix: '/' }, requires }];
const one = (provider: Json, requires: Json = { providerName: 'p' }): Json => ({
  providers: { p: { issuer: 'a', localJwks: local, ...provider } },
  rules: always(requires),
});

describe('answers, in the words of Envoy 1.40', () => {
  const cases: [string, Json, number, string][] = [
    ['no token', {}, 401, 'Jwt is missing'],
    ['a good one', bearer(tokenOf()), 200, 'origin'],
    ['within the clock skew', bearer(tokenOf({ exp: seconds - 30 })), 200, 'origin'],
    ['expired', bearer(tokenOf({ exp: seconds - 90 })), 401, 'Jwt is expired'],
    ['of the future', bearer(tokenOf({ nbf: seconds + 90 })), 401, 'Jwt not yet valid'],
    ['of another issuer', bearer(tokenOf({ iss: 'b' })), 401, 'Jwt issuer is not configured'],
    ['of a stranger', bearer(tokenOf({}, {}, stranger.privateKey)), 401, 'Jwt verification fails'],
    [
      'of an unknown key',
      bearer(tokenOf({}, { kid: 'z' })),
      401,
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
    ['unsigned', bearer(tokenOf({}, { alg: 'none' })), 401, 'Jwt header [alg] is not supported'],
    ['keyed with the public key', bearer(tokenOf({}, { alg: 'HS256' })), 401, 'Jwt verification fails'],
    ['for others', bearer(tokenOf({ aud: 'y' })), 403, 'Audiences in Jwt are not allowed'],
    [
      'no token at all',
      bearer('garbage'),
      401,
      'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
    ],
    ['no JSON', bearer(`${segment({ alg: 'RS256' })}.eA.eA`), 401, 'Jwt payload is an invalid JSON'],
    ['a time that is text', bearer(tokenOf({ exp: 'x' })), 401, 'Jwt payload [exp] field is not an integer'],
  ];
  test.each(cases)('%s', async (_, headers, status, body) => {
    const { ask, seen } = await guard(one({ audiences: ['https://x/'] }));
    const answer = await ask(headers);
    expect([Number(answer.slice(9, 12)), answer.split('\r\n\r\n')[1]?.includes(body)]).toEqual([
      status,
      true,
    ]);
    expect(seen).toHaveLength(status === 200 ? 1 : 0);
    const challenge = /\r\nwww-authenticate: (.*)\r\n/.exec(answer)?.[1];
    const error = status === 200 || body === 'Jwt is missing' ? '' : ', error="invalid_token"';
    expect(challenge).toBe(status === 200 ? undefined : `Bearer realm="http://h/p"${error}`);
  });
});

test('a verified token leaves the request; its claims and payload stand in headers of ours alone', async () => {
  const { ask, seen } = await guard(
    one({
      forwardPayloadHeader: 'x-payload',
      claimToHeaders: [
        { headerName: 'x-sub', claimName: 'sub' },
        { headerName: 'x-q', claimName: 'n.q' },
        { headerName: 'x-groups', claimName: 'groups' },
        { headerName: 'x-none', claimName: 'none' },
      ],
    }),
  );
  const token = tokenOf();
  await ask({ ...bearer(token), 'x-none': 'forged', 'x-sub': 'forged' });
  expect(seen[0]?.headers).toMatchObject({
    'x-sub': 'me',
    'x-q': 'deep',
    'x-groups': Buffer.from('["dev"]').toString('base64'),
    'x-payload': token.split('.')[1],
  });
  expect(seen[0]?.headers.authorization).toBeUndefined();
  expect(seen[0]?.headers['x-none']).toBeUndefined();
});

test.each([
  [
    'header with a prefix',
    { fromHeaders: [{ name: 'X-T', valuePrefix: 'Tok ' }] },
    { 'x-t': `Tok ${tokenOf()}` },
    '/p',
    '/p',
  ],
  ['parameter', { fromParams: ['t'] }, {}, `/p?a=1&t=${tokenOf()}&b=2`, '/p?a=1&b=2'],
  ['cookie', { fromCookies: ['c'] }, { cookie: `o=1; c=${tokenOf()}` }, '/p', '/p'],
])('tokens by %s', async (_, provider, headers, target, forwarded) => {
  const { ask, seen } = await guard(one(provider));
  await ask(headers, target);
  expect(seen[0]?.url).toBe(forwarded);
});

describe('requirements', () => {
  const providers = {
    a: { issuer: 'a', localJwks: local },
    b: { issuer: 'b', localJwks: local, fromHeaders: [{ name: 'x-b' }] },
  };
  const a = { providerName: 'a' };
  const b = { providerName: 'b' };
  const any = (...requirements: Json[]): Json => ({ requiresAny: { requirements } });
  const all = (...requirements: Json[]): Json => ({ requiresAll: { requirements } });
  const missing = { allowMissing: {} };
  const good = bearer(tokenOf());
  const bad = bearer(tokenOf({ exp: 1 }));
  const ofB = { 'x-b': tokenOf({ iss: 'b' }) };
  const cases: [string, Json, Json, number][] = [
    ['any: the second', any(a, b), ofB, 200],
    ['any: none', any(a, b), {}, 401],
    ['any: a bad one', any(a, b), bad, 401],
    ['all: one of two', all(a, b), good, 401],
    ['all: both', all(a, b), { ...good, ...ofB }, 200],
    ['or missing: missing', any(a, missing), {}, 200],
    ['or missing: bad', any(a, missing), bad, 401],
    ['or failed: bad', any(a, { allowMissingOrFailed: {} }), bad, 200],
    [
      'as Istio has it: a bad one beside a good one',
      any(a, b, all(any(a, missing), any(b, missing))),
      { ...bad, ...ofB },
      200,
    ],
    ['as Istio has it: none', any(a, b, all(any(a, missing), any(b, missing))), {}, 200],
    [
      'audiences of the requirement',
      { providerAndAudiences: { providerName: 'a', audiences: ['y'] } },
      good,
      403,
    ],
    ['none', {}, {}, 200],
  ];
  test.each(cases)('%s', async (_, requires, headers, status) => {
    const { ask } = await guard({ providers, rules: always(requires) });
    expect(Number((await ask(headers)).slice(9, 12))).toBe(status);
  });
});

test('claims decide in RBAC and in routing', async () => {
  const claim = (key: string, value: Json): Json => ({
    filter,
    path: [{ key: 'payload' }, { key }],
    value,
  });
  const rules = {
    policies: {
      devs: {
        permissions: [{ any: true }],
        principals: [
          { metadata: claim('groups', { listMatch: { oneOf: { stringMatch: { exact: 'dev' } } } }) },
          { metadata: claim('scope', { listMatch: { oneOf: { stringMatch: { exact: 'read' } } } }) },
        ],
      },
    },
  };
  const special = { prefix: '/', dynamicMetadata: [claim('sub', { stringMatch: { exact: 'me' } })] };
  const { ask } = await guard(
    one({
      payloadInMetadata: 'payload',
      clearRouteCache: true,
      normalizePayloadInMetadata: { spaceDelimitedClaims: ['scope'] },
    }),
    {
      filters: [['rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', { rules }]],
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [
            { match: special, directResponse: { status: 222 } },
            { match: { prefix: '/' }, route: { cluster: 'origin' } },
          ],
        },
      ],
    },
  );
  const statusOf = async (payload: object): Promise<number> =>
    Number((await ask(bearer(tokenOf(payload)))).slice(9, 12));
  expect(await statusOf({})).toBe(222);
  expect(await statusOf({ sub: 'you' })).toBe(200);
  expect(await statusOf({ sub: 'you', groups: ['ops'] })).toBe(403);
  expect(await statusOf({ sub: 'you', groups: [], scope: 'write read' })).toBe(200);
});

test('preflights pass, routes may ask for something else', async () => {
  const ofRoute = (config: Json): Json => ({
    typedPerFilterConfig: {
      [filter]: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig',
        ...config,
      },
    },
  });
  const { ask } = await guard(
    { ...one({}), bypassCorsPreflight: true, requirementMap: { optional: { allowMissing: {} } } },
    {
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [
            { match: { prefix: '/open' }, route: { cluster: 'origin' }, ...ofRoute({ disabled: true }) },
            {
              match: { prefix: '/some' },
              route: { cluster: 'origin' },
              ...ofRoute({ requirementName: 'optional' }),
            },
            {
              match: { prefix: '/none' },
              route: { cluster: 'origin' },
              ...ofRoute({ requirementName: 'x' }),
            },
            { match: { prefix: '/' }, route: { cluster: 'origin' } },
          ],
        },
      ],
    },
  );
  const statusOf = async (...request: Parameters<typeof ask>): Promise<number> =>
    Number((await ask(...request)).slice(9, 12));
  const preflight = { Origin: 'o', 'Access-Control-Request-Method': 'PUT' };
  expect(await statusOf(preflight, '/p', 'OPTIONS')).toBe(200);
  expect(await statusOf({ Origin: 'o' }, '/p', 'OPTIONS')).toBe(401);
  expect(await statusOf({}, '/open')).toBe(200);
  expect(await statusOf({}, '/some')).toBe(200);
  expect(await statusOf({}, '/none')).toBe(403);
});

test.each([
  [
    'remote keys',
    one({ localJwks: undefined, remoteJwks: { cacheDuration: '5s' } }),
    /providers\["p"\]\.remote_jwks/,
  ],
  ['no keys', one({ localJwks: { inlineString: '{"keys":[]}' } }), /local_jwks: holds no usable key/],
  ['unknown provider', one({}, { providerName: 'q' }), /rules\[0\]\.requires\.provider_name: the provider q/],
])('refused with the path: %s', async (_, config, reason) => {
  const { localJwks, ...provider } = (config.providers as { p: Json }).p;
  const p = localJwks === undefined ? provider : { localJwks, ...provider };
  await expect(guard({ ...config, providers: { p } })).rejects.toThrow(reason);
});
