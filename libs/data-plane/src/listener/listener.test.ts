import { createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createHttpOrigin, createTcpOrigin, createTestAuthority, type TestIdentity } from '@lateen/testing';
import { expect, test } from 'vitest';
import {
  clusterTo,
  dial,
  httpInspector,
  httpManager,
  listenerOf,
  readAll,
  readUntil,
  startDataPlane,
  tcpProxy,
  tlsInspector,
  tlsSocket,
} from '../data-plane.fixture.ts';

const nowMs = Date.now();
const authority = createTestAuthority({ nowMs });
const server = authority.issue('spiffe://cluster.local/ns/default/sa/server', { dnsNames: ['server.test'] });
const client = authority.issue('spiffe://cluster.local/ns/default/sa/client');

const certificate = (identity: TestIdentity): object => ({
  certificate_chain: { inline_string: identity.certificateChain },
  private_key: { inline_string: identity.privateKey },
});
const mutualTls = (names: object[] = [{ prefix: 'spiffe://cluster.local/' }], alpn: string[] = []): object =>
  tlsSocket('Downstream', {
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [certificate(server)],
      validation_context: { trusted_ca: { inline_string: authority.root }, match_subject_alt_names: names },
      alpn_protocols: alpn,
    },
  });

/** Permissive port as the mesh compiler makes it: mTLS of the mesh by ALPN, other TLS passed on, plain bytes. */
const permissive = (cluster: string, plain: object): object =>
  listenerOf(
    'inbound',
    [
      {
        name: 'mtls',
        filter_chain_match: { transport_protocol: 'tls', application_protocols: ['istio'] },
        transport_socket: mutualTls(undefined, ['http/1.1']),
        filters: [plain],
      },
      { name: 'foreign', filter_chain_match: { transport_protocol: 'tls' }, filters: [tcpProxy(cluster)] },
      { name: 'plain', filter_chain_match: { transport_protocol: 'raw_buffer' }, filters: [plain] },
    ],
    {
      listener_filters: [tlsInspector],
      listener_filters_timeout: '0.1s',
      continue_on_listener_filters_timeout: true,
    },
  );

function dialTls(port: number | undefined, identity: TestIdentity | undefined, more: object = {}): Socket {
  return connectTls({
    host: '127.0.0.1',
    port: port ?? 0,
    ca: authority.root,
    checkServerIdentity: () => undefined,
    ...(identity ? { cert: identity.certificateChain, key: identity.privateKey } : {}),
    ...more,
  });
}

const request = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

test('a permissive port serves mTLS and plain HTTP', async () => {
  await using origin = await createHttpOrigin((_, response) => void response.end('body'));
  await using proxy = await startDataPlane({
    listeners: [permissive('origin', httpManager('origin'))],
    clusters: [clusterTo('origin', origin.port)],
  });
  const plain = await dial(proxy.port('inbound'));
  plain.write(request);
  expect(await readAll(plain)).toMatch(/^HTTP\/1\.1 200 [\s\S]*body$/);
  // `istio` chooses the chain and is not negotiated: the handshake must go on without a protocol.
  const secure = dialTls(proxy.port('inbound'), client, { ALPNProtocols: ['istio'] });
  secure.write(request);
  expect(await readAll(secure)).toMatch(/^HTTP\/1\.1 200 [\s\S]*body$/);
  expect(origin.seen).toHaveLength(2);
});

test('a server-first client of a permissive port does not hang', async () => {
  await using origin = await createTcpOrigin({ greeting: '220 hello\r\n' });
  await using proxy = await startDataPlane({
    listeners: [permissive('origin', tcpProxy('origin'))],
    clusters: [clusterTo('origin', origin.port)],
  });
  const socket = await dial(proxy.port('inbound'));
  expect(await readUntil(socket, '\n')).toBe('220 hello\r\n');
  socket.write('EHLO');
  expect(String((await origin.waitFor(1))[0])).toBe('EHLO');
  socket.destroy();
});

test('a client without a certificate, or with one of a stranger, is refused where mTLS is required', async () => {
  await using origin = await createTcpOrigin({ greeting: 'in' });
  await using proxy = await startDataPlane({
    listeners: [listenerOf('strict', [{ transport_socket: mutualTls(), filters: [tcpProxy('origin')] }])],
    clusters: [clusterTo('origin', origin.port)],
  });
  const stranger = createTestAuthority({ nowMs }).issue('spiffe://cluster.local/ns/default/sa/client');
  const foreigner = authority.issue('spiffe://elsewhere/ns/default/sa/client');
  const answers = async (identity: TestIdentity | undefined): Promise<string> => {
    const socket = dialTls(proxy.port('strict'), identity);
    socket.on('error', () => {}); // a refusal may come as an alert or as a reset
    return readAll(socket);
  };
  expect(await answers(undefined)).toBe('');
  expect(await answers(stranger)).toBe('');
  expect(await answers(foreigner)).toBe('');
  const socket = dialTls(proxy.port('strict'), client);
  expect(await readUntil(socket, 'in')).toBe('in');
  socket.destroy();
});

test('TLS that is not ours is passed on by SNI, byte for byte', async () => {
  const echo = (name: string) =>
    createTcpOrigin({ answer: (bytes, socket) => void socket.end(`${name}${bytes[0]}`) });
  await using one = await echo('one');
  await using other = await echo('other');
  await using proxy = await startDataPlane({
    listeners: [
      listenerOf(
        'sni',
        [
          { filter_chain_match: { server_names: ['one.test'] }, filters: [tcpProxy('one')] },
          { filter_chain_match: { server_names: ['*.test'] }, filters: [tcpProxy('other')] },
        ],
        { listener_filters: [tlsInspector] },
      ),
    ],
    clusters: [clusterTo('one', one.port), clusterTo('other', other.port)],
  });
  // The origin sees the client's own handshake (a record of type 22); it is none, so the client's handshake fails.
  for (const [servername, origin] of [
    ['one.test', one],
    ['x.test', other],
  ] as const) {
    const socket = dialTls(proxy.port('sni'), undefined, { servername });
    socket.on('error', () => {}); // as said above
    expect((await origin.waitFor(1))[0]![0]).toBe(22);
    socket.destroy();
  }
  const unknown = dialTls(proxy.port('sni'), undefined, { servername: 'elsewhere.example' });
  unknown.on('error', () => {}); // no chain takes it
  expect(await readAll(unknown)).toBe('');
  expect([one.seen.length, other.seen.length]).toEqual([1, 1]);
});

test('HTTP on an undeclared port is told from other bytes', async () => {
  await using web = await createHttpOrigin((_, response) => void response.end('web'));
  await using raw = await createTcpOrigin({
    answer: (bytes, socket) => void socket.end(`raw ${String(bytes)}`),
  });
  await using proxy = await startDataPlane({
    listeners: [
      listenerOf(
        'sniffed',
        [
          {
            filter_chain_match: { application_protocols: ['http/1.1', 'h2c'] },
            filters: [httpManager('web')],
          },
          { filters: [tcpProxy('raw')] },
        ],
        { listener_filters: [tlsInspector, httpInspector] },
      ),
    ],
    clusters: [clusterTo('web', web.port), clusterTo('raw', raw.port)],
  });
  const http = await dial(proxy.port('sniffed'));
  // In pieces: what inspection saw must not get lost.
  http.write(request.slice(0, 7));
  http.write(request.slice(7));
  expect(await readAll(http)).toMatch(/web$/);
  const other = await dial(proxy.port('sniffed'));
  other.write('\x00\x01binary');
  expect(await readAll(other)).toBe('raw \x00\x01binary');
});

test('either side may end first and go on listening', async () => {
  const late = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => socket.end(`after your end: ${text}`));
  });
  await new Promise<void>((resolve) => late.listen(0, '127.0.0.1', resolve));
  const address = late.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await using tcp = await startDataPlane({
    listeners: [listenerOf('tcp', [{ filters: [tcpProxy('late')] }])],
    clusters: [clusterTo('late', port)],
  });
  const socket = await dial(tcp.port('tcp'));
  socket.end('question');
  expect(await readAll(socket)).toBe('after your end: question');
  late.close();
  const text = tcp.metrics.text();
  expect(text).toContain('envoy_tcp_downstream_cx_rx_bytes_total{envoy_tcp_prefix="t"} 8');
});

test('megabytes pass both ways unharmed, with back-pressure', async () => {
  await using origin = await createTcpOrigin({ answer: (bytes, socket) => void socket.write(bytes) });
  await using proxy = await startDataPlane({
    listeners: [listenerOf('tcp', [{ filters: [tcpProxy('echo')] }])],
    clusters: [clusterTo('echo', origin.port)],
  });
  const socket = await dial(proxy.port('tcp'));
  const size = 8 * 1024 * 1024;
  const sent = Buffer.alloc(size, 'abcdefg');
  const got: Buffer[] = [];
  const all = new Promise<void>((resolve) => {
    let total = 0;
    socket.on('data', (chunk: Buffer) => {
      got.push(chunk);
      total += chunk.length;
      if (total === size) resolve();
    });
  });
  socket.write(sent);
  await all;
  expect(Buffer.concat(got).equals(sent)).toBe(true);
  socket.destroy();
});

test('a cluster that is unknown, empty or refuses closes the connection', async () => {
  await using proxy = await startDataPlane({
    listeners: ['unknown', 'empty', 'refused'].map((name) =>
      listenerOf(name, [{ filters: [tcpProxy(name)] }]),
    ),
    clusters: [clusterTo('refused', 1), { name: 'empty', load_assignment: { cluster_name: 'empty' } }],
  });
  for (const name of ['unknown', 'empty', 'refused'])
    expect(await readAll(await dial(proxy.port(name)))).toBe('');
});

test('upstream mTLS: the right identity is taken, a wrong one is refused', async () => {
  const greeting = 'secure hello';
  await using origin = await createTcpOrigin({ greeting });
  const upstream = (exact: string, sni: string): object => ({
    transport_socket: tlsSocket('Upstream', {
      sni,
      common_tls_context: {
        tls_certificates: [certificate(client)],
        validation_context: {
          trusted_ca: { inline_string: authority.root },
          match_subject_alt_names: [{ exact }],
        },
      },
    }),
  });
  await using far = await startDataPlane({
    listeners: [
      listenerOf(
        'far',
        [
          {
            filter_chain_match: { server_names: ['wanted.test'] },
            transport_socket: mutualTls(),
            filters: [tcpProxy('origin')],
          },
        ],
        { listener_filters: [tlsInspector] },
      ),
    ],
    clusters: [clusterTo('origin', origin.port)],
  });
  const port = far.port('far') ?? 0;
  await using near = await startDataPlane({
    listeners: ['right', 'dns', 'wrong'].map((name) => listenerOf(name, [{ filters: [tcpProxy(name)] }])),
    clusters: [
      clusterTo('right', port, upstream('spiffe://cluster.local/ns/default/sa/server', 'wanted.test')),
      clusterTo('dns', port, upstream('server.test', 'wanted.test')),
      clusterTo('wrong', port, upstream('spiffe://cluster.local/ns/default/sa/other', 'wanted.test')),
    ],
  });
  for (const name of ['right', 'dns']) {
    const socket = await dial(near.port(name));
    expect(await readUntil(socket, greeting)).toBe(greeting);
    socket.destroy();
  }
  expect(await readAll(await dial(near.port('wrong')))).toBe('');
});

test('network RBAC decides by the peer’s identity', async () => {
  const rbac = (principal: string): object => ({
    name: 'envoy.filters.network.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC',
      stat_prefix: 'r',
      rules: {
        policies: {
          only: {
            permissions: [{ any: true }],
            principals: [{ authenticated: { principal_name: { exact: principal } } }],
          },
        },
      },
    },
  });
  await using origin = await createTcpOrigin({ greeting: 'in' });
  await using proxy = await startDataPlane({
    listeners: [
      ['may', 'spiffe://cluster.local/ns/default/sa/client'],
      ['mayNot', 'spiffe://cluster.local/ns/default/sa/other'],
    ].map(([name, principal]) =>
      listenerOf(name!, [{ transport_socket: mutualTls(), filters: [rbac(principal!), tcpProxy('origin')] }]),
    ),
    clusters: [clusterTo('origin', origin.port)],
  });
  const socket = dialTls(proxy.port('may'), client);
  expect(await readUntil(socket, 'in')).toBe('in');
  socket.destroy();
  const refused = dialTls(proxy.port('mayNot'), client);
  refused.on('error', () => {}); // closed right after the handshake
  expect(await readAll(refused)).toBe('');
});

test('an internal listener is reached from within', async () => {
  await using origin = await createHttpOrigin((_, response) => void response.end('inside'));
  const internal = { envoy_internal_address: { server_listener_name: 'inner' } };
  await using proxy = await startDataPlane({
    listeners: [
      listenerOf('outer', [{ filters: [tcpProxy('inner')] }]),
      { name: 'inner', internal_listener: {}, filter_chains: [{ filters: [httpManager('origin')] }] },
    ],
    clusters: [
      clusterTo('origin', origin.port),
      {
        name: 'inner',
        load_assignment: {
          cluster_name: 'inner',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: internal } }] }],
        },
      },
    ],
  });
  const socket = await dial(proxy.port('outer'));
  socket.write(request);
  expect(await readAll(socket)).toMatch(/inside$/);
});

test('a dialled address that is a listener of ours is no loop', async () => {
  await using proxy = await startDataPlane({
    listeners: [listenerOf('loop', [{ filters: [tcpProxy('original')] }])],
    clusters: [{ name: 'original', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' }],
  });
  expect(await readAll(await dial(proxy.port('loop')))).toBe('');
});

test('a port that is taken is named with the way out', async () => {
  await using origin = await createTcpOrigin();
  const taken = {
    ...listenerOf('taken', [{ filters: [tcpProxy('c')] }]),
    address: { socket_address: { address: '127.0.0.1', port_value: origin.port } },
  };
  await expect(startDataPlane({ listeners: [taken], clusters: [clusterTo('c', 1)] })).rejects.toThrow(
    new RegExp(`listener taken cannot listen on 127.0.0.1:${origin.port}: another process listens there`),
  );
});

const refused: [string, object, RegExp][] = [
  [
    'an unknown network filter',
    listenerOf('l', [
      { filters: [{ name: 'x', typed_config: { '@type': 'type.googleapis.com/google.protobuf.Empty' } }] },
    ]),
    /filter_chains\[0\]\.filters\[0\]: the network filter x \(google\.protobuf\.Empty\) is not supported/,
  ],
  [
    'no filter',
    listenerOf('l', [{ filters: [] }]),
    /filter_chains\[0\]\.filters: the last filter must serve/,
  ],
  [
    'an unknown listener filter',
    listenerOf('l', [{ filters: [tcpProxy('c')] }], {
      listener_filters: [{ name: 'envoy.filters.listener.proxy_protocol' }],
    }),
    /listener_filters\[0\]: the listener filter envoy\.filters\.listener\.proxy_protocol/,
  ],
  [
    'TCP proxy without a cluster',
    listenerOf('l', [{ filters: [tcpProxy('')] }]),
    /filter_chains\[0\]\.filters\[0\]\.typed_config: names no cluster/,
  ],
  [
    'a key that is none',
    listenerOf('l', [
      {
        transport_socket: tlsSocket('Downstream', {
          common_tls_context: {
            tls_certificates: [
              { certificate_chain: { inline_string: 'x' }, private_key: { inline_string: 'y' } },
            ],
          },
        }),
        filters: [tcpProxy('c')],
      },
    ]),
    /filter_chains\[0\]\.transport_socket/,
  ],
];
test.each(refused)('%s is refused by its path', async (_, listener, message) => {
  await expect(startDataPlane({ listeners: [listener], clusters: [] })).rejects.toThrow(message);
});
