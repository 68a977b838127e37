import { createHttpOrigin, createTcpOrigin } from '@lateen/testing';
import { describe, expect, test } from 'vitest';
import {
  clusterTo,
  dial,
  listenerOf,
  loopback,
  readAll,
  readUntil,
  startDataPlane,
  tcpProxy,
} from '../data-plane.fixture.ts';
import { splitAuthority } from './dialled-hosts.ts';

const named = (name: string, type: string, port: number): object => ({
  name,
  type,
  dns_lookup_family: 'V4_ONLY',
  dns_refresh_rate: '0.1s',
  load_assignment: {
    cluster_name: name,
    endpoints: [
      {
        lb_endpoints: [
          { endpoint: { address: { socket_address: { address: 'origin.test', port_value: port } } } },
        ],
      },
    ],
  },
});

describe('DNS clusters', () => {
  test.each(['STRICT_DNS', 'LOGICAL_DNS'])('%s resolves its endpoint and follows changes', async (type) => {
    await using origin = await createTcpOrigin({ greeting: 'here' });
    let asked = 0;
    let changed = (): void => {};
    const change = new Promise<void>((resolve) => (changed = resolve));
    await using proxy = await startDataPlane(
      {
        listeners: [listenerOf('l', [{ filters: [tcpProxy('c')] }])],
        clusters: [named('c', type, origin.port)],
      },
      {
        resolver: async (name) => {
          asked += 1;
          // The first answer leads nowhere, as that of a moved service does.
          if (asked > 2) changed();
          return name === 'origin.test' && asked > 1 ? ['127.0.0.1'] : ['127.255.255.254'];
        },
      },
    );
    await change;
    const socket = await dial(proxy.port('l'));
    expect(await readUntil(socket, 'here')).toBe('here');
    socket.destroy();
  });

  test('a name that cannot be resolved warms an empty cluster', async () => {
    await using proxy = await startDataPlane(
      {
        listeners: [listenerOf('l', [{ filters: [tcpProxy('c')] }])],
        clusters: [named('c', 'STRICT_DNS', 1)],
      },
      { resolver: async () => Promise.reject(new Error('no such name')) },
    );
    expect(await readAll(await dial(proxy.port('l')))).toBe('');
  });
});

test('a forward proxy resolves the host of the request and refuses a loop to itself', async () => {
  await using origin = await createHttpOrigin((_, response) => void response.end('there'));
  const types = 'type.googleapis.com/envoy.extensions';
  const dns_cache_config = { name: 'd', dns_lookup_family: 'V4_ONLY' };
  const manager = {
    name: 'hcm',
    typed_config: {
      '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'h',
      route_config: {
        virtual_hosts: [
          { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'dfp' } }] },
        ],
      },
      http_filters: [
        {
          name: 'dfp',
          typed_config: {
            '@type': `${types}.filters.http.dynamic_forward_proxy.v3.FilterConfig`,
            dns_cache_config,
          },
        },
        { name: 'router', typed_config: { '@type': `${types}.filters.http.router.v3.Router` } },
      ],
    },
  };
  const cluster = {
    name: 'dfp',
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typed_config: { '@type': `${types}.clusters.dynamic_forward_proxy.v3.ClusterConfig`, dns_cache_config },
    },
  };
  await using proxy = await startDataPlane(
    { listeners: [listenerOf('l', [{ filters: [manager] }])], clusters: [cluster] },
    {
      resolver: async (name) =>
        name === 'missing.test' ? Promise.reject(new Error('no such name')) : ['127.0.0.1'],
    },
  );
  const get = async (host: string): Promise<string> => {
    const socket = await dial(proxy.port('l'));
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return readAll(socket);
  };
  expect(await get(`any.test:${origin.port}`)).toMatch(/there$/);
  expect(await get(`loop.test:${proxy.port('l')}`)).toMatch(/^HTTP\/1\.1 503/);
  expect(await get('missing.test')).toMatch(/^HTTP\/1\.1 503/);
});

test.each([
  ['a.test', { name: 'a.test', port: 80 }],
  ['a.test:8080', { name: 'a.test', port: 8080 }],
  ['[::1]:8080', { name: '::1', port: 8080 }],
  ['1.2.3.4', { name: '1.2.3.4', port: 80 }],
  ['a.test:0', undefined],
  ['a.test:99999', undefined],
  ['a b', undefined],
  ['', undefined],
] as const)('authority %j', (authority, expected) => expect(splitAuthority(authority, 80)).toEqual(expected));

test('a host that fails is ejected and another serves', async () => {
  await using good = await createTcpOrigin({ greeting: 'good' });
  const endpoints = [1, good.port].map((port) => ({ endpoint: { address: loopback(port) } }));
  await using proxy = await startDataPlane({
    listeners: [listenerOf('l', [{ filters: [tcpProxy('c', { max_connect_attempts: 2 })] }])],
    clusters: [
      {
        name: 'c',
        load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: endpoints }] },
        outlier_detection: { consecutive_5xx: 1, max_ejection_percent: 50 },
        common_lb_config: { healthy_panic_threshold: { value: 0 } },
      },
    ],
  });
  for (let round = 0; round < 6; round += 1) {
    const socket = await dial(proxy.port('l'));
    expect(await readUntil(socket, 'good')).toBe('good');
    socket.destroy();
  }
  const failures = /envoy_cluster_upstream_cx_connect_fail\{envoy_cluster_name="c"\} (\d+)/.exec(
    proxy.metrics.text(),
  );
  expect(failures?.[1]).toBe('1');
});

test('a connection limit refuses what is above it', async () => {
  await using origin = await createTcpOrigin({ greeting: 'in' });
  await using proxy = await startDataPlane({
    listeners: [listenerOf('l', [{ filters: [tcpProxy('c')] }])],
    clusters: [clusterTo('c', origin.port, { circuit_breakers: { thresholds: [{ max_connections: 1 }] } })],
  });
  const first = await dial(proxy.port('l'));
  await readUntil(first, 'in');
  expect(await readAll(await dial(proxy.port('l')))).toBe('');
  first.destroy();
});

describe('refusals name the field', () => {
  const cases: [object, RegExp][] = [
    [{ health_checks: [{ timeout: '1s' }] }, /health_checks: is not supported/],
    [{ lb_subset_config: { fallback_policy: 'ANY_ENDPOINT' } }, /lb_subset_config: is not supported/],
    [{ filters: [{ name: 'x' }] }, /filters: is not supported/],
    [{ type: 'LOGICAL_DNS', load_assignment: {} }, /LOGICAL_DNS takes exactly one endpoint/],
    [{ type: 'STATIC', ...named('x', 'STATIC', 1) }, /"origin\.test" is no IP address/],
    [{ cluster_type: { name: 'other' } }, /cluster_type: "other" is not supported/],
    [
      {
        typed_extension_protocol_options: { other: { '@type': 'type.googleapis.com/google.protobuf.Empty' } },
      },
      /\["other"\]/,
    ],
  ];
  test.each(cases)('%j', async (fields, message) => {
    const bootstrap = startDataPlane({
      clusters: [{ name: 'c', ...fields, ...('name' in fields ? { name: 'c' } : {}) }],
    });
    await expect(bootstrap).rejects.toThrow(message);
  });
});
