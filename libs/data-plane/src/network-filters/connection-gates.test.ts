import { createTcpOrigin } from '@lateen/testing';
import { ManualClock, MetricsRegistry } from '@lateen/runtime';
import { packAny } from '@lateen/protos';
import { expect, test } from 'vitest';
import type { ConnectionInfo, DownstreamConnection, GateFilter } from '../connection.ts';
import {
  clusterTo,
  dial,
  listenerOf,
  readAll,
  readUntil,
  startDataPlane,
  tcpProxy,
} from '../data-plane.fixture.ts';
import { createLocalRateLimit } from './local-rate-limit.ts';
import { createSniCluster } from './sni-cluster.ts';
import type { Surroundings } from './surroundings.ts';

const gate = (kind: string, config: object): object => ({
  name: kind,
  typed_config: { '@type': `type.googleapis.com/envoy.extensions.filters.network.${kind}`, ...config },
});

const limit = (config: object): object =>
  gate('connection_limit.v3.ConnectionLimit', { stat_prefix: 'l', ...config });

test('connections beyond the limit are closed until one ends', async () => {
  await using origin = await createTcpOrigin({ greeting: 'here' });
  await using proxy = await startDataPlane({
    listeners: [listenerOf('l', [{ filters: [limit({ max_connections: 1 }), tcpProxy('c')] }])],
    clusters: [clusterTo('c', origin.port)],
  });
  const first = await dial(proxy.port('l'));
  await readUntil(first, 'here');
  expect(await readAll(await dial(proxy.port('l')))).toBe('');
  const refused = /envoy_connection_limit_limited_connections\{[^}]*\} 1/;
  expect(proxy.metrics.text()).toMatch(refused);
  first.destroy();
  const standing = /envoy_connection_limit_active_connections\{[^}]*\} 0/;
  await expect.poll(() => standing.test(proxy.metrics.text())).toBe(true);
  const next = await dial(proxy.port('l'));
  await readUntil(next, 'here');
  next.destroy();
});

test.each([
  ['no limit', limit({}), /max_connections/],
  ['no bucket', gate('local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'r' }), /token_bucket: is required/],
  [
    'a fill too fast',
    gate('local_ratelimit.v3.LocalRateLimit', {
      stat_prefix: 'r',
      token_bucket: { max_tokens: 1, fill_interval: '0.01s' },
    }),
    /fill_interval/,
  ],
])('refused with the path: %s', async (_, filter, reason) => {
  const start = startDataPlane({
    listeners: [listenerOf('l', [{ filters: [filter, tcpProxy('c')] }])],
    clusters: [clusterTo('c', 1)],
  });
  await expect(start).rejects.toThrow(reason);
});

test('a connection takes a token; the bucket is filled in steps', () => {
  const clock = new ManualClock();
  const name = 'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit';
  const tokenBucket = { maxTokens: 2, tokensPerFill: { value: 1 }, fillInterval: { seconds: 1, nanos: 0 } };
  const around = { clock, metrics: new MetricsRegistry() } as unknown as Surroundings;
  const filter = createLocalRateLimit(packAny(name, { statPrefix: 'r', tokenBucket }), '', around);
  const admitted = (): unknown => filter.admit({} as DownstreamConnection);
  expect([admitted(), admitted(), admitted()]).toEqual([true, true, false]);
  clock.advance(999);
  expect(admitted()).toBe(false);
  clock.advance(1);
  expect([admitted(), admitted()]).toEqual([true, false]);
  clock.advance(10_000);
  expect([admitted(), admitted(), admitted()]).toEqual([true, true, false]);
});

test.each([
  ['outbound_.80_._.a.b', 'outbound_.80_._.a.b'],
  ['', undefined],
])('the server name %j chooses the cluster', (serverName, cluster) => {
  const filter: GateFilter = createSniCluster(
    packAny('envoy.extensions.filters.network.sni_cluster.v3.SniCluster', {}),
  );
  const connection = { info: { serverName } as ConnectionInfo } as DownstreamConnection;
  expect(filter.admit(connection)).toBe(true);
  expect(connection.cluster).toBe(cluster);
});
