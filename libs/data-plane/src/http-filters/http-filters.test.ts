import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { packAny } from '@lateen/protos';
import { afterEach, expect, test } from 'vitest';
import {
  exchange,
  fixedCluster,
  type ProxyFixture,
  type ProxyFixtureOptions,
  startProxy,
} from '../http/proxy-fixture.ts';

const proxyHeader = 'proxy-authorization';
const prefix = 'envoy.extensions.filters.http.';
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function behind(
  filters: ProxyFixtureOptions['filters'],
  route: Record<string, unknown> = {},
  options: Partial<ProxyFixtureOptions> = {},
): Promise<ProxyFixture & { seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    response.end('origin');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await startProxy({
    clusters: [fixedCluster('origin', [(server.address() as AddressInfo).port])],
    virtualHosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster: 'origin' }, ...route }],
      },
    ],
    ...(filters ? { filters } : {}),
    ...options,
  });
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
    () => proxy.close(),
  );
  return Object.assign(proxy, { seen });
}

const get = (headers = '', method = 'GET'): string =>
  `${method} /p?q HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`;
const statusOf = (text: string): number => Number(text.slice(9, 12));
const percent = (numerator: number) => ({ numerator, denominator: 'HUNDRED' });

test('fault: delay at the time said, then forwarded', async () => {
  const { port, log } = await behind([
    ['fault', `${prefix}fault.v3.HTTPFault`, { delay: { fixedDelay: '0.15s', percentage: percent(100) } }],
  ]);
  const before = performance.now();
  expect(statusOf(await exchange(port, get()))).toBe(200);
  const took = performance.now() - before;
  expect(took).toBeGreaterThan(148);
  expect(took).toBeLessThan(600);
  expect(log[0]).toContain('200 DI via_upstream');
});

test('fault: abort by percentage, and by the route in place of the filter', async () => {
  const abort = { abort: { httpStatus: 555, percentage: percent(50) } };
  const { port, seen } = await behind([['fault', `${prefix}fault.v3.HTTPFault`, abort]]);
  let aborted = 0;
  for (let index = 0; index < 200; index += 1)
    if (statusOf(await exchange(port, get())) === 555) aborted += 1;
  expect(aborted).toBeGreaterThan(60);
  expect(aborted).toBeLessThan(140);
  expect(seen).toHaveLength(200 - aborted);
  const ofRoute = await behind([['fault', `${prefix}fault.v3.HTTPFault`, {}]], {
    typedPerFilterConfig: {
      fault: {
        '@type': `type.googleapis.com/${prefix}fault.v3.HTTPFault`,
        abort: { httpStatus: 418, percentage: percent(100) },
      },
    },
  });
  expect(await exchange(ofRoute.port, get())).toMatch(/^HTTP\/1\.1 418 [^]*fault filter abort$/);
  expect(ofRoute.log[0]).toContain('418 FI fault_filter_abort');
});

test('a route may turn a filter off', async () => {
  const always = { abort: { httpStatus: 500, percentage: percent(100) } };
  const { port } = await behind([['fault', `${prefix}fault.v3.HTTPFault`, always]], {
    typedPerFilterConfig: {
      fault: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true },
    },
  });
  expect(statusOf(await exchange(port, get()))).toBe(200);
});

test('cors: preflight answered here, headers added to answers', async () => {
  const policy = {
    '@type': `type.googleapis.com/${prefix}cors.v3.CorsPolicy`,
    allowOriginStringMatch: [{ exact: 'http://good' }],
    allowMethods: 'GET,PUT',
    maxAge: '60',
    exposeHeaders: 'x-seen',
  };
  const { port, seen } = await behind([['cors', `${prefix}cors.v3.Cors`, {}]], {
    typedPerFilterConfig: { cors: policy },
  });
  const preflight = await exchange(
    port,
    get('Origin: http://good\r\nAccess-Control-Request-Method: PUT\r\n', 'OPTIONS'),
  );
  expect(preflight).toMatch(
    /access-control-allow-origin: http:\/\/good\r\naccess-control-allow-methods: GET,PUT\r\n/,
  );
  expect(seen).toHaveLength(0);
  expect(await exchange(port, get('Origin: http://good\r\n'))).toMatch(
    /access-control-expose-headers: x-seen/,
  );
  expect(await exchange(port, get('Origin: http://bad\r\n'))).not.toMatch(/access-control/);
});

test('rbac: 403 with the policy in the details', async () => {
  const rules = {
    action: 'DENY',
    policies: {
      'no-admin': {
        permissions: [{ header: { name: 'x-role', stringMatch: { exact: 'admin' } } }],
        principals: [{ any: true }],
      },
    },
  };
  const { port, log, seen } = await behind([['rbac', `${prefix}rbac.v3.RBAC`, { rules }]]);
  expect(await exchange(port, get('x-role: admin\r\n'))).toMatch(/^HTTP\/1\.1 403 [^]*RBAC: access denied$/);
  expect(log[0]).toContain('rbac_access_denied_matched_policy[no-admin]');
  expect(seen).toHaveLength(0);
  expect(statusOf(await exchange(port, get('x-role: user\r\n')))).toBe(200);
});

test('basic auth: for an origin 401, for a proxy 407 by its own header, which goes no further', async () => {
  const digest = createHash('sha1').update('secret').digest('base64');
  const users = { inlineString: `joe:{SHA}${digest}\n` };
  const credentials = Buffer.from('joe:secret').toString('base64');
  const wrong = Buffer.from('joe:wrong').toString('base64');
  const { port } = await behind([['auth', `${prefix}basic_auth.v3.BasicAuth`, { users }]]);
  expect(await exchange(port, get())).toMatch(
    /^HTTP\/1\.1 401 [^]*www-authenticate: Basic realm="http:\/\/a\/p\?q"/,
  );
  expect(statusOf(await exchange(port, get(`Authorization: Basic ${wrong}\r\n`)))).toBe(401);
  expect(statusOf(await exchange(port, get(`Authorization: Basic ${credentials}\r\n`)))).toBe(200);
  const packed = packAny(`${prefix}basic_auth.v3.BasicAuth`, { users });
  const header = Buffer.from(proxyHeader);
  const value = Buffer.concat([packed.value!, Buffer.from([0x1a, header.length]), header]);
  const ofProxy = await behind(
    undefined,
    {},
    { packedFilters: [{ name: 'auth', typedConfig: { ...packed, value } }] },
  );
  expect(await exchange(ofProxy.port, get())).toMatch(/^HTTP\/1\.1 407 [^]*proxy-authenticate: Basic/);
  expect(statusOf(await exchange(ofProxy.port, get(`Proxy-Authorization: Basic ${credentials}\r\n`)))).toBe(
    200,
  );
  expect(ofProxy.seen[0]?.headers[proxyHeader]).toBeUndefined();
});

test('header mutation both ways, in order', async () => {
  const { port, seen } = await behind([
    [
      'edit',
      `${prefix}header_mutation.v3.HeaderMutation`,
      {
        mutations: {
          requestMutations: [
            { remove: 'x-a' },
            { append: { header: { key: 'x-a', value: 'new %REQ(X-B)%' } } },
          ],
          responseMutations: [{ append: { header: { key: 'x-out', value: 'yes' } } }],
        },
      },
    ],
  ]);
  expect(await exchange(port, get('X-A: old\r\nX-B: b\r\n'))).toMatch(/\r\nx-out: yes\r\n/);
  expect(seen[0]?.headers['x-a']).toBe('new b');
});

test.each([
  ['unknown filter', [['lua', `${prefix}lua.v3.Lua`, {}]] as const, /lua/],
  [
    'unsupported field',
    [['fault', `${prefix}fault.v3.HTTPFault`, { downstreamNodes: ['n'] }]] as const,
    /downstream_nodes/,
  ],
])('refused with the path: %s', async (_, filters, message) => {
  await expect(startProxy({ clusters: [], filters })).rejects.toThrow(message);
});
