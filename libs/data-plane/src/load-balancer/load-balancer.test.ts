import { enumOf } from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import type { BalancingContext, UpstreamHost } from '../cluster/cluster.ts';
import { createLoadBalancer } from './load-balancer.ts';

const policies = enumOf('envoy.config.cluster.v3.Cluster.LbPolicy');
const context: BalancingContext = {
  hash: undefined,
  avoid: undefined,
  destination: undefined,
  authority: undefined,
};

/** Draws that look random and are the same in every run. */
function draws(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const hostsOf = (...weights: number[]): UpstreamHost[] =>
  weights.map((weight, index) => ({
    endpoint: { address: `10.0.0.${index}`, port: 80 },
    label: `10.0.0.${index}:80`,
    hostname: '',
    metadata: undefined,
    weight,
    activeRequests: 0,
  }));

function shares(policy: number, hosts: readonly UpstreamHost[], hashes?: () => number): number[] {
  const balancer = createLoadBalancer({ lbPolicy: policy }, draws());
  const counts = new Map<UpstreamHost, number>();
  const rounds = 20_000;
  for (let round = 0; round < rounds; round += 1) {
    const host = balancer.pick(hosts, hashes ? { ...context, hash: hashes() } : context);
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return hosts.map((host) => (counts.get(host) ?? 0) / rounds);
}

describe.each([
  ['ROUND_ROBIN', policies.ROUND_ROBIN],
  ['LEAST_REQUEST', policies.LEAST_REQUEST],
  ['RANDOM', policies.RANDOM],
  ['RING_HASH', policies.RING_HASH],
  ['MAGLEV', policies.MAGLEV],
])('contract of balancers: %s', (_, policy) => {
  test('equal hosts get equal shares', () => {
    for (const share of shares(policy, hostsOf(1, 1, 1, 1))) expect(share).toBeCloseTo(0.25, 1);
  });

  test('weights are kept', () => {
    const [light, heavy] = shares(policy, hostsOf(1, 3));
    expect(light).toBeCloseTo(0.25, 1);
    expect(heavy).toBeCloseTo(0.75, 1);
  });

  test('one host gets everything', () => expect(shares(policy, hostsOf(7))).toEqual([1]));

  test('a list that shrinks is followed at once', () => {
    const balancer = createLoadBalancer({ lbPolicy: policy }, draws());
    const hosts = hostsOf(1, 2, 3);
    balancer.pick(hosts, context);
    const fewer = hosts.slice(0, 1);
    for (let round = 0; round < 10; round += 1)
      expect(balancer.pick(fewer, { ...context, hash: round })).toBe(hosts[0]);
  });
});

test('round robin takes turns', () => {
  const balancer = createLoadBalancer({ lbPolicy: policies.ROUND_ROBIN }, () => 0);
  const hosts = hostsOf(1, 1, 1);
  expect([1, 2, 3, 4].map(() => hosts.indexOf(balancer.pick(hosts, context)))).toEqual([0, 1, 2, 0]);
  const weighted = hostsOf(2, 1);
  expect([1, 2, 3].map(() => weighted.indexOf(balancer.pick(weighted, context)))).toEqual([0, 1, 0]);
});

test('least request prefers the idle host', () => {
  const hosts = hostsOf(1, 1);
  hosts[0]!.activeRequests = 10;
  const [busy, idle] = shares(policies.LEAST_REQUEST, hosts);
  expect(idle).toBeGreaterThan(0.7);
  expect(busy).toBeLessThan(0.3);
});

test('a hash keeps its host, and most keep it when another host goes', () => {
  const balancer = createLoadBalancer({ lbPolicy: policies.RING_HASH }, draws());
  const hosts = hostsOf(1, 1, 1, 1);
  const hashes = Array.from({ length: 400 }, (_, index) => (index * 2_654_435_761) % 2 ** 32);
  const before = hashes.map((hash) => balancer.pick(hosts, { ...context, hash }));
  expect(hashes.map((hash) => balancer.pick(hosts, { ...context, hash }))).toEqual(before);
  const rest = hosts.slice(1);
  const after = hashes.map((hash) => balancer.pick(rest, { ...context, hash }));
  for (const [index, host] of before.entries()) if (host !== hosts[0]) expect(after[index]).toBe(host);
});
