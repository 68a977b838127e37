import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  [
    'an HTTP server',
    { servers: [{ hosts: ['a.b'], port: { name: 'http', number: 80, protocol: 'HTTP' } }] },
    [],
  ],
  ['no server', {}, ['spec.servers']],
  [
    'HTTPS without tls',
    { servers: [{ hosts: ['a.b'], port: { name: 'https', number: 443, protocol: 'HTTPS' } }] },
    ['spec.servers[0]'],
  ],
  [
    'tls on HTTP',
    {
      servers: [
        {
          hosts: ['a.b'],
          port: { name: 'http', number: 80, protocol: 'HTTP' },
          tls: { mode: 'SIMPLE', credentialName: 'c' },
        },
      ],
    },
    ['spec.servers[0].tls'],
  ],
  [
    'SIMPLE without certificate',
    {
      servers: [
        { hosts: ['a.b'], port: { name: 'https', number: 443, protocol: 'HTTPS' }, tls: { mode: 'SIMPLE' } },
      ],
    },
    ['spec.servers[0].tls', 'spec.servers[0].tls'],
  ],
  [
    'a partial wildcard',
    { servers: [{ hosts: ['*a.b'], port: { name: 'http', number: 80, protocol: 'HTTP' } }] },
    ['spec.servers[0].hosts[0]'],
  ],
  [
    'a port name twice',
    {
      servers: [
        { hosts: ['a.b'], port: { name: 'x', number: 80, protocol: 'HTTP' } },
        { hosts: ['c.d'], port: { name: 'x', number: 81, protocol: 'HTTP' } },
      ],
    },
    ['spec.servers[1].port.name'],
  ],
  [
    'an unknown protocol',
    { servers: [{ hosts: ['a.b'], port: { name: 'x', number: 80, protocol: 'HTPT' } }] },
    ['spec.servers[0].port.protocol'],
  ],
  [
    'a server on a unix socket',
    {
      servers: [{ hosts: ['a.b'], bind: 'unix:///run/x', port: { name: 'x', number: 0, protocol: 'HTTP' } }],
    },
    [],
  ],
];

test.each(cases)('Gateway: %s', (_name, spec, found, metadata) => {
  expect(verdict('Gateway', spec, metadata)).toEqual(found);
});
