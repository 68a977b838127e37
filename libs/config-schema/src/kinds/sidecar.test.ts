import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['egress of everything', { egress: [{ hosts: ['*/*'] }] }, []],
  ['nothing', {}, ['spec']],
  ['a host without namespace', { egress: [{ hosts: ['a.b'] }] }, ['spec.egress[0].hosts[0]']],
  ['a catch-all before another', { egress: [{ hosts: ['*/*'] }, { hosts: ['*/*'] }] }, ['spec.egress[0]']],
  ['ingress without port', { ingress: [{ defaultEndpoint: '127.0.0.1:80' }] }, ['spec.ingress[0]']],
  [
    'a far default endpoint',
    { ingress: [{ port: { number: 80, protocol: 'HTTP', name: 'a' }, defaultEndpoint: '1.1.1.1:80' }] },
    ['spec.ingress[0].defaultEndpoint'],
  ],
  [
    'a laptop listener',
    {
      egress: [
        {
          hosts: ['./*'],
          port: { number: 9080, protocol: 'HTTP', name: 'h' },
          bind: '127.0.0.1',
          captureMode: 'NONE',
        },
      ],
    },
    [],
  ],
];

test.each(cases)('Sidecar: %s', (_name, spec, found, metadata) => {
  expect(verdict('Sidecar', spec, metadata)).toEqual(found);
});
