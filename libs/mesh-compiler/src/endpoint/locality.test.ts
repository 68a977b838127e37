import { expect, test } from 'vitest';
import { parseProxy } from '../model/proxy.ts';
import type { Endpoint } from '../model/service.ts';
import { localityGroups, localityMatches } from './locality.ts';

const client = parseProxy({
  id: 'sidecar~10.0.0.1~a.b~',
  locality: { region: 'r1', zone: 'z1', subZone: 's1' },
});

function endpoint(locality: string, weight = 1): Endpoint {
  return {
    address: '10.0.0.2',
    port: 80,
    namespace: 'b',
    labels: new Map([['topology.kubernetes.io/region', locality.split('/')[0] ?? '']]),
    serviceAccount: '',
    weight,
    locality,
    network: '',
    tlsMode: 'disabled',
    workloadName: 'x',
    policyPorts: [80],
  };
}

const endpoints = ['r1/z1/s1', 'r1/z1/s2', 'r1/z2/s1', 'r2/z1/s1', 'r3/z1/s1'].map((locality) =>
  endpoint(locality),
);
const brief = (groups: ReturnType<typeof localityGroups>) =>
  groups.map(({ locality, priority, weight }) => `${locality} ${priority} ${weight}`);

test.each([
  ['r1/*', 'r1/z1/s1', true],
  ['r1/z1', 'r1/z1/s1', true],
  ['r1/z2/*', 'r1/z1/s1', false],
  ['*', '', true],
])('%s takes %s: %s', (pattern, locality, takes) => {
  expect(localityMatches(pattern, locality)).toBe(takes);
});

test('without failures being seen all localities are alike', () => {
  expect(
    new Set(
      localityGroups(client, endpoints, { setting: undefined, ejects: false }).map(
        ({ priority }) => priority,
      ),
    ),
  ).toEqual(new Set([0]));
});

test('the nearest come first, without gaps', () => {
  expect(brief(localityGroups(client, endpoints, { setting: undefined, ejects: true }))).toEqual([
    'r1/z1/s1 0 1',
    'r1/z1/s2 1 1',
    'r1/z2/s1 2 1',
    'r2/z1/s1 3 1',
    'r3/z1/s1 3 1',
  ]);
});

test('a failover names the region that comes next', () => {
  const setting = { failover: [{ from: 'r1', to: 'r3' }] };
  expect(brief(localityGroups(client, endpoints.slice(2), { setting, ejects: true }))).toEqual([
    'r1/z2/s1 0 1',
    'r3/z1/s1 1 1',
    'r2/z1/s1 2 1',
  ]);
});

test('a distribution shares out, and leaves out what it does not name', () => {
  const setting = { distribute: [{ from: 'r1/*', to: { 'r1/*': 80, 'r2/*': 20 } }] };
  const groups = localityGroups(
    client,
    [endpoint('r1/z1/s1', 3), endpoint('r1/z2/s1'), endpoint('r2/z1/s1'), endpoint('r3/z1/s1')],
    {
      setting,
      ejects: false,
    },
  );
  expect(brief(groups)).toEqual(['r1/z1/s1 0 60', 'r1/z2/s1 0 20', 'r2/z1/s1 0 20']);
});

test('labels in order decide where they are named', () => {
  const setting = { failoverPriority: ['topology.kubernetes.io/region'] };
  expect(
    brief(localityGroups(client, [endpoint('r2/z1/s1'), endpoint('r1/z2/s1')], { setting, ejects: true })),
  ).toEqual(['r1/z2/s1 0 1', 'r2/z1/s1 1 1']);
});
