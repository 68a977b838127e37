import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  [
    'an outside host',
    {
      hosts: ['api.example.com'],
      ports: [{ number: 443, name: 'https', protocol: 'TLS' }],
      resolution: 'DNS',
      location: 'MESH_EXTERNAL',
    },
    [],
  ],
  ['no host', { ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' }, ['spec.hosts']],
  [
    'the host *',
    { hosts: ['*'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] },
    ['spec.hosts[0]'],
  ],
  [
    'a wildcard looked up',
    { hosts: ['*.a.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
    ['spec.hosts[0]'],
  ],
  [
    'a name as static endpoint',
    {
      hosts: ['a.b'],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints: [{ address: 'a.com' }],
    },
    ['spec.endpoints[0].address'],
  ],
  [
    'an endpoint port that is none',
    {
      hosts: ['a.b'],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints: [{ address: '1.1.1.1', ports: { htp: 80 } }],
    },
    ['spec.endpoints[0].ports.htp'],
  ],
  [
    'a socket outside',
    {
      hosts: ['a.b'],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints: [{ address: 'unix:///../../run/x' }],
    },
    ['spec.endpoints[0].address'],
  ],
  [
    'a port number twice',
    {
      hosts: ['a.b'],
      ports: [
        { number: 80, name: 'a', protocol: 'HTTP' },
        { number: 80, name: 'b', protocol: 'HTTP' },
      ],
    },
    ['spec.ports[1].number'],
  ],
  [
    'TCP without address',
    { hosts: ['a.b'], ports: [{ number: 80, name: 'a', protocol: 'TCP' }] },
    ['~spec.ports[0]'],
  ],
  [
    'a bad address',
    { hosts: ['a.b'], addresses: ['1.2.3.4/99'], ports: [{ number: 80, name: 'a', protocol: 'TCP' }] },
    ['spec.addresses[0]'],
  ],
];

test.each(cases)('ServiceEntry: %s', (_name, spec, found, metadata) => {
  expect(verdict('ServiceEntry', spec, metadata)).toEqual(found);
});
