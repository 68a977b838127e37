import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['subsets', { host: 'reviews', subsets: [{ name: 'v1', labels: { version: 'v1' } }] }, []],
  ['no host', {}, ['spec.host']],
  ['a subset twice', { host: 'a', subsets: [{ name: 'v1' }, { name: 'v1' }] }, ['spec.subsets[1].name']],
  ['an empty policy', { host: 'a', trafficPolicy: {} }, ['spec.trafficPolicy']],
  [
    'ejection over 100 %',
    { host: 'a', trafficPolicy: { outlierDetection: { maxEjectionPercent: 150 } } },
    ['spec.trafficPolicy.outlierDetection.maxEjectionPercent'],
  ],
  [
    'a composite maglev table',
    {
      host: 'a',
      trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 1000 } } } },
    },
    ['spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize'],
  ],
  [
    'a hash of nothing',
    { host: 'a', trafficPolicy: { loadBalancer: { consistentHash: {} } } },
    ['spec.trafficPolicy.loadBalancer.consistentHash'],
  ],
  [
    'MUTUAL without a key',
    { host: 'a', trafficPolicy: { tls: { mode: 'MUTUAL', clientCertificate: 'c' } } },
    ['spec.trafficPolicy.tls'],
  ],
  [
    'weights that sum to 90',
    {
      host: 'a',
      trafficPolicy: {
        loadBalancer: { localityLbSetting: { distribute: [{ from: 'a', to: { a: 50, b: 40 } }] } },
      },
    },
    ['spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to'],
  ],
  [
    'failover without detection',
    {
      host: 'a',
      trafficPolicy: { loadBalancer: { localityLbSetting: { failover: [{ from: 'a', to: 'b' }] } } },
    },
    ['~spec.trafficPolicy.loadBalancer.localityLbSetting'],
  ],
  [
    'a selector and exportTo *',
    { host: 'a', workloadSelector: { matchLabels: { a: 'b' } }, exportTo: ['*'] },
    ['spec.exportTo'],
  ],
];

test.each(cases)('DestinationRule: %s', (_name, spec, found, metadata) => {
  expect(verdict('DestinationRule', spec, metadata)).toEqual(found);
});
