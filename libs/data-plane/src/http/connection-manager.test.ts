import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import {
  exchange,
  fixedCluster,
  listen,
  type ProxyFixture,
  type ProxyFixtureOptions,
  startProxy,
} from './proxy-fixture.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function origin(
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<number> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (bytes) => (body += bytes));
    request.on('end', () => handle(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return (server.address() as AddressInfo).port;
}

async function rawOrigin(serve: (socket: Socket) => void): Promise<number> {
  const { port, server } = await listen(serve);
  closers.push(() => server.close());
  return port;
}

async function proxy(options: ProxyFixtureOptions): Promise<ProxyFixture> {
  const fixture = await startProxy(options);
  closers.push(() => fixture.close());
  return fixture;
}

const echo = (request: IncomingMessage, response: ServerResponse, body: string): void => {
  response.setHeader('x-origin', 'yes');
  response.end(JSON.stringify({ url: request.url, method: request.method, headers: request.headers, body }));
};

const get = (path: string, extra = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${extra}Connection: close\r\n\r\n`;
const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);
const statusOf = (text: string): string => text.slice(9, 12);
const route = (action: Record<string, unknown>, match: Record<string, unknown> = { prefix: '/' }) => [
  { name: 'vh', domains: ['*'], routes: [{ match, ...action }] },
];

test('a request passes, headers made fit for the mesh, answer framed and dated', async () => {
  const port = await origin(echo);
  const { port: at, log } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  const text = await exchange(
    at,
    get('/a?b=c', 'X-Custom: 1\r\nKeep-Alive: 5\r\nx-envoy-max-retries: 9\r\n'),
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).toMatch(/\r\nserver: envoy\r\n/);
  expect(text).toMatch(/\r\nx-envoy-upstream-service-time: \d+\r\n/);
  expect(text).toMatch(/\r\nconnection: close\r\n/);
  const { url, headers } = JSON.parse(bodyOf(text));
  expect(url).toBe('/a?b=c');
  expect(headers).toMatchObject({
    host: 'a.test',
    'x-custom': '1',
    'x-forwarded-proto': 'http',
    'x-envoy-expected-rq-timeout-ms': '15000',
  });
  expect(headers['x-request-id']).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(Object.keys(headers)).not.toContain('x-envoy-max-retries');
  expect(Object.keys(headers)).not.toContain('keep-alive');
  expect(log[0]).toMatch(/^GET \/a\?b=c 200 - via_upstream 0 \d+$/);
});

test('bodies both ways: by length, chunked, and large enough for back-pressure', async () => {
  const port = await origin((request, response, body) => {
    response.end(
      `${request.headers['transfer-encoding'] ?? request.headers['content-length']} ${body.length}`,
    );
  });
  const { port: at } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  const large = 'x'.repeat(3_000_000);
  const fixed = await exchange(
    at,
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${large.length}\r\n\r\n${large}`,
  );
  expect(bodyOf(fixed)).toContain('3000000 3000000');
  const chunked = await exchange(
    at,
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
  );
  expect(bodyOf(chunked)).toContain('chunked 5');
});

test('a large answer arrives whole at a slow reader', async () => {
  const port = await origin((_request, response) => response.end('y'.repeat(20_000_000)));
  const { port: at } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  let bytes = 0;
  await new Promise<void>((resolve) => {
    const socket = connect(at, '127.0.0.1', () => socket.write(get('/')));
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes < 2_000_000) {
        socket.pause();
        setImmediate(() => socket.resume());
      }
    });
    socket.on('close', () => resolve());
  });
  expect(bytes).toBeGreaterThan(20_000_000);
});

test('pipelined requests are answered in order on one connection', async () => {
  const port = await origin((request, response) => {
    if (request.url === '/slow') setTimeout(() => response.end('slow'), 30);
    else response.end(request.url?.slice(1));
  });
  const { port: at } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const text = await exchange(at, one('/slow') + one('/b') + get('/c'));
  expect(text.match(/\r\n\r\n(slow|b|c)/g)?.map((part) => part.trim())).toEqual(['slow', 'b', 'c']);
});

test('HEAD, 204 and 304 have no body and keep the connection', async () => {
  const port = await origin((request, response) => {
    response.statusCode = Number(request.url?.slice(1));
    response.setHeader('content-length', response.statusCode === 200 ? 5 : 0);
    response.end(request.method === 'HEAD' ? undefined : '');
  });
  const { port: at } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  const text = await exchange(
    at,
    `HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\n${get('/304')}`,
  );
  expect(text.match(/HTTP\/1\.1 (\d+)/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 304']);
});

test.each<[string, Partial<ProxyFixtureOptions>, string, RegExp]>([
  ['no route', { virtualHosts: [] }, '404', /404 NR route_not_found/],
  ['no cluster', { virtualHosts: route({ route: { cluster: 'gone' } }) }, '503', /503 NC cluster_not_found/],
  ['no host', { clusters: [fixedCluster('origin', [])] }, '503', /503 UH no_healthy_upstream/],
  [
    'refused',
    { clusters: [fixedCluster('origin', [1])] },
    '503',
    /503 UF upstream_reset_before_response_started\{remote_connection_failure\|delayed_connect_error:_Connection_refused\}/,
  ],
  [
    'direct response',
    { virtualHosts: route({ directResponse: { status: 418, body: { inlineString: 'tea' } } }) },
    '418',
    /418 - direct_response/,
  ],
  [
    'redirect',
    { virtualHosts: route({ redirect: { pathRedirect: '/new' } }) },
    '301',
    /301 - direct_response/,
  ],
  [
    'breaker',
    { clusters: [fixedCluster('origin', [1], { maxPendingRequests: 0 })] },
    '503',
    /503 UO upstream_reset_before_response_started\{overflow\}/,
  ],
])('local reply: %s', async (_, options, status, line) => {
  const { port, log } = await proxy({ clusters: [], ...options });
  const text = await exchange(port, get('/'));
  expect(statusOf(text)).toBe(status);
  expect(log[0]).toMatch(line);
  if (status === '301') expect(text).toMatch(/\r\nlocation: http:\/\/a\.test\/new\r\n/);
  if (line.source.includes('UO')) expect(text).toMatch(/\r\nx-envoy-overloaded: true\r\n/);
});

test('timeout: 504 at the time said', async () => {
  const port = await origin(() => {});
  const { port: at, log } = await proxy({
    clusters: [fixedCluster('origin', [port])],
    virtualHosts: route({ route: { cluster: 'origin', timeout: '0.2s' } }),
  });
  const before = performance.now();
  const text = await exchange(at, get('/'));
  const took = performance.now() - before;
  expect(took).toBeGreaterThan(190);
  expect(took).toBeLessThan(800);
  expect([statusOf(text), bodyOf(text)]).toEqual(['504', 'upstream request timeout']);
  expect(log[0]).toContain('504 UT response_timeout');
});

test('retries: by status, attempts counted, body sent again, other host taken', async () => {
  const seen: string[] = [];
  const failing = await origin((request, response, body) => {
    seen.push(`bad ${request.headers['x-envoy-attempt-count']} ${body}`);
    response.statusCode = 503;
    response.end('no');
  });
  const fine = await origin((request, response, body) => {
    seen.push(`good ${request.headers['x-envoy-attempt-count']} ${body}`);
    response.end('fine');
  });
  const { port, log, metrics } = await proxy({
    clusters: [fixedCluster('origin', [failing, fine])],
    virtualHosts: [
      {
        name: 'vh',
        domains: ['*'],
        includeRequestAttemptCount: true,
        routes: [
          {
            match: { prefix: '/' },
            route: {
              cluster: 'origin',
              retryPolicy: {
                retryOn: '5xx',
                numRetries: 2,
                retryHostPredicate: [{ name: 'envoy.retry_host_predicates.previous_hosts' }],
              },
            },
          },
        ],
      },
    ],
  });
  const text = await exchange(
    port,
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody',
  );
  expect([statusOf(text), bodyOf(text).includes('fine')]).toEqual(['200', true]);
  expect(seen).toEqual(['bad 1 body', 'good 2 body']);
  expect(log[0]).toContain('200 - via_upstream');
  expect(metrics.text()).toMatch(/envoy_cluster_upstream_rq_retry_success\{envoy_cluster_name="origin"\} 1/);
});

test('retries are used up: the last answer, flag URX', async () => {
  let tries = 0;
  const port = await origin((_request, response) => {
    tries += 1;
    response.statusCode = 502;
    response.end();
  });
  const { port: at, log } = await proxy({
    clusters: [fixedCluster('origin', [port])],
    virtualHosts: route({
      route: { cluster: 'origin', retryPolicy: { retryOn: 'gateway-error', numRetries: 2 } },
    }),
  });
  expect(statusOf(await exchange(at, get('/')))).toBe('502');
  expect(tries).toBe(3);
  expect(log[0]).toContain('502 URX via_upstream');
});

test('mirror: a copy with -shadow host, its answer ignored', async () => {
  const port = await origin(echo);
  const copies: string[] = [];
  let arrived: () => void = () => {};
  const copied = new Promise<void>((resolve) => void (arrived = resolve));
  const shadow = await origin((request, response, body) => {
    copies.push(`${request.method} ${request.headers.host} ${body}`);
    response.statusCode = 500;
    response.end();
    arrived();
  });
  const { port: at } = await proxy({
    clusters: [fixedCluster('origin', [port]), fixedCluster('shadow', [shadow])],
    virtualHosts: route({ route: { cluster: 'origin', requestMirrorPolicies: [{ cluster: 'shadow' }] } }),
  });
  const text = await exchange(
    at,
    'POST / HTTP/1.1\r\nHost: a.test:80\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody',
  );
  expect(statusOf(text)).toBe('200');
  await copied;
  expect(copies).toEqual(['POST a.test-shadow:80 body']);
});

test('rewrites of path and host', async () => {
  const port = await origin(echo);
  const { port: at } = await proxy({
    clusters: [fixedCluster('origin', [port])],
    virtualHosts: [
      {
        name: 'vh',
        domains: ['*'],
        routes: [
          { match: { prefix: '/auto' }, route: { cluster: 'origin', autoHostRewrite: true } },
          {
            match: { prefix: '/a' },
            route: { cluster: 'origin', prefixRewrite: '/b', hostRewriteLiteral: 'other.test' },
          },
        ],
      },
    ],
  });
  const rewritten = JSON.parse(bodyOf(await exchange(at, get('/a/x?q'))));
  expect([rewritten.url, rewritten.headers.host, rewritten.headers['x-envoy-original-path']]).toEqual([
    '/b/x?q',
    'other.test',
    '/a/x?q',
  ]);
  expect(JSON.parse(bodyOf(await exchange(at, get('/auto')))).headers.host).toBe('origin.test');
});

test('a server that closes an idle connection as we use it: repeated where the policy allows', async () => {
  let connections = 0;
  const port = await rawOrigin((socket) => {
    connections += 1;
    const first = connections === 1;
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      if (first && requests > 1) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const { port: at } = await proxy({
    clusters: [fixedCluster('origin', [port])],
    virtualHosts: route({
      route: { cluster: 'origin', retryPolicy: { retryOn: 'connect-failure', numRetries: 2 } },
    }),
  });
  expect(statusOf(await exchange(at, get('/')))).toBe('200');
  expect(statusOf(await exchange(at, get('/')))).toBe('200');
  expect(connections).toBe(2);
});

test('bytes after a response never become the next answer', async () => {
  const port = await rawOrigin((socket) => {
    socket.on('data', () => {
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
      );
    });
  });
  const { port: at } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  expect(bodyOf(await exchange(at, get('/')))).toBe('ok');
  expect(bodyOf(await exchange(at, get('/')))).toBe('ok');
});

test('an upstream that breaks off in the body ends the client connection, flag UPE', async () => {
  const port = await rawOrigin((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart'));
  });
  const { port: at, log } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  expect(bodyOf(await exchange(at, get('/')))).toBe('part');
  expect(log[0]).toContain('200 UPE upstream_reset_after_response_started{protocol_error}');
});

test('a client that goes away frees the upstream, flag DC', async () => {
  let gone: () => void = () => {};
  const freed = new Promise<void>((resolve) => void (gone = resolve));
  const port = await rawOrigin((socket) => socket.on('end', () => gone()).resume());
  const { port: at, log, clusters } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  const socket = connect(at, '127.0.0.1', () => {
    socket.write(get('/'));
    setTimeout(() => socket.destroy(), 50);
  });
  await freed;
  expect(log[0]).toContain('0 DC downstream_remote_disconnect');
  expect(clusters.get('origin')?.breakers).toMatchObject({ requests: 0, connections: 0, pendingRequests: 0 });
});

test('Expect: 100-continue is answered before the body is sent', async () => {
  const port = await origin((request, response, body) => response.end(`${request.headers.expect} ${body}`));
  const { port: at } = await proxy({ clusters: [fixedCluster('origin', [port])] });
  const text = await new Promise<string>((resolve) => {
    let all = '';
    const socket = connect(at, '127.0.0.1', () =>
      socket.write(
        'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
      ),
    );
    socket.on('data', (bytes) => {
      all += bytes;
      if (all === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('abc');
    });
    socket.on('close', () => resolve(all));
  });
  expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
  expect(text).toContain('undefined abc');
});

test('upgrade: bytes pass both ways after 101, early ones included; refused where not configured', async () => {
  const port = await rawOrigin((socket) => {
    socket.once('data', (head) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello',
      );
      const early = head.toString().split('\r\n\r\n')[1];
      socket.on('data', (bytes) => socket.write(`<${early}${bytes}>`));
    });
  });
  const request = 'GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nearly';
  const open = await proxy({
    clusters: [fixedCluster('origin', [port])],
    manager: { upgradeConfigs: [{ upgradeType: 'websocket' }] },
  });
  const text = await exchange(open.port, request, (all) => all.includes('>'));
  expect(text).toMatch(
    /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*upgrade: websocket[^]*\r\n\r\nhello<early>$/,
  );
  const shut = await proxy({ clusters: [fixedCluster('origin', [port])] });
  expect(statusOf(await exchange(shut.port, request))).toBe('403');
});

test('CONNECT ends here: a TCP connection both ways', async () => {
  const port = await rawOrigin((socket) =>
    socket.on('data', (bytes) => socket.write(bytes.toString().toUpperCase())),
  );
  const { port: at } = await proxy({
    clusters: [fixedCluster('origin', [port])],
    virtualHosts: route(
      { route: { cluster: 'origin', upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }] } },
      { connectMatcher: {} },
    ),
  });
  const text = await exchange(at, 'CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\nabc', (all) =>
    all.includes('ABC'),
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nABC$/);
});

test.each<[string, string, string, RegExp]>([
  ['head', 'GET / HTTP/1.1\r\n', '408', /408 - request_header_timeout/],
  [
    'body',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc',
    '408',
    /408 (SI stream_idle|- request_overall)_timeout/,
  ],
])('a request that stops half way: %s', async (_, bytes, status, line) => {
  const port = await origin(echo);
  const { port: at, log } = await proxy({
    clusters: [fixedCluster('origin', [port])],
    manager: { requestHeadersTimeout: '0.1s', streamIdleTimeout: '0.1s' },
  });
  expect(statusOf(await exchange(at, bytes))).toBe(status);
  expect(log[0]).toMatch(line);
});

test('a draining listener ends connections with their next response', async () => {
  const port = await origin(echo);
  const { port: at, drain } = await proxy({
    clusters: [fixedCluster('origin', [port])],
    manager: { drainTimeout: '0.1s' },
  });
  const text = await exchange(at, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n', (all) => {
    if (all.includes('"/1"')) drain();
    return false;
  });
  expect(text).toContain('"/1"');
  expect(statusOf(await exchange(at, 'GET /2 HTTP/1.1\r\nHost: a\r\n\r\n'))).toBe('200');
});

test('XFCC by mode, with a verified peer and without', async () => {
  const port = await origin(echo);
  const peer = {
    uris: ['spiffe://cluster.local/ns/default/sa/client'],
    dnsNames: [],
    subject: 'CN=c',
    sha256: 'ab',
    pem: () => 'PEM',
  };
  const xfcc = async (mode: string, withPeer: boolean): Promise<string | undefined> => {
    const { port: at } = await proxy({
      clusters: [fixedCluster('origin', [port])],
      manager: { forwardClientCertDetails: mode, setCurrentClientCertDetails: { subject: true, uri: true } },
      ...(withPeer ? { peer } : {}),
    });
    return JSON.parse(bodyOf(await exchange(at, get('/', 'x-forwarded-client-cert: By=x\r\n')))).headers[
      'x-forwarded-client-cert'
    ];
  };
  const own =
    'By=spiffe://cluster.local/ns/default/sa/own;Hash=ab;Subject="CN=c";URI=spiffe://cluster.local/ns/default/sa/client';
  expect(await xfcc('APPEND_FORWARD', true)).toBe(`By=x,${own}`);
  expect(await xfcc('SANITIZE_SET', true)).toBe(own);
  expect(await xfcc('FORWARD_ONLY', true)).toBe('By=x');
  expect(await xfcc('SANITIZE', true)).toBeUndefined();
  expect(await xfcc('APPEND_FORWARD', false)).toBeUndefined();
  expect(await xfcc('ALWAYS_FORWARD_ONLY', false)).toBe('By=x');
});
