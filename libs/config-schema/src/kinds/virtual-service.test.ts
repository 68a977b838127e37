import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  [
    'a plain route',
    { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' } }] }] },
    [],
  ],
  ['a delegate', { http: [{ route: [{ destination: { host: 'reviews' } }] }] }, []],
  ['nothing', {}, ['spec.hosts']],
  ['hosts without routes', { hosts: ['a'] }, ['spec']],
  ['gateways without hosts', { gateways: ['g'], http: [{ redirect: { uri: '/' } }] }, ['spec.gateways']],
  ['the mesh with *', { hosts: ['*'], http: [{ redirect: { uri: '/' } }] }, ['spec.hosts[0]']],
  ['a gateway with *', { hosts: ['*'], gateways: ['g'], http: [{ redirect: { uri: '/' } }] }, []],
  [
    'an old gateway name',
    { hosts: ['a.b'], gateways: ['g.ns.svc'], http: [{ redirect: { uri: '/' } }] },
    ['~spec.gateways[0]'],
  ],
  ['an empty route', { hosts: ['a'], http: [{}] }, ['spec.http[0]']],
  [
    'two actions',
    { hosts: ['a'], http: [{ redirect: { uri: '/' }, route: [{ destination: { host: 'a' } }] }] },
    ['spec.http[0].redirect'],
  ],
  [
    'a negative weight',
    { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' }, weight: -1 }] }] },
    ['spec.http[0].route[0].weight'],
  ],
  [
    'all weights 0',
    { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' } }, { destination: { host: 'b' } }] }] },
    ['spec.http[0].route'],
  ],
  [
    'a broken regex',
    { hosts: ['a'], http: [{ match: [{ uri: { regex: '*(' } }], redirect: { uri: '/' } }] },
    ['spec.http[0].match[0].uri.regex'],
  ],
  [
    'a negative timeout',
    { hosts: ['a'], http: [{ timeout: '-1s', redirect: { uri: '/' } }] },
    ['spec.http[0].timeout'],
  ],
  [
    'an unknown retry condition',
    {
      hosts: ['a'],
      http: [{ retries: { attempts: 1, retryOn: '5xxx' }, route: [{ destination: { host: 'a' } }] }],
    },
    ['spec.http[0].retries.retryOn'],
  ],
  [
    'a fault out of range',
    {
      hosts: ['a'],
      http: [{ fault: { abort: { httpStatus: 700 } }, route: [{ destination: { host: 'a' } }] }],
    },
    ['spec.http[0].fault.abort.httpStatus'],
  ],
  [
    'a claim on the mesh',
    {
      hosts: ['a'],
      http: [{ match: [{ headers: { '@request.auth.claims.x': { exact: 'y' } } }], redirect: { uri: '/' } }],
    },
    ['spec.http[0].match[0].headers["@request.auth.claims.x"]'],
  ],
  [
    'a route behind a catch-all',
    { hosts: ['a'], http: [{ redirect: { uri: '/' } }, { redirect: { uri: '/x' } }] },
    ['~spec.http[1]'],
  ],
  [
    'a prefix behind a shorter one',
    {
      hosts: ['a'],
      http: [{ match: [{ uri: { prefix: '/a' } }, { uri: { prefix: '/ab' } }], redirect: { uri: '/' } }],
    },
    ['~spec.http[0].match[1]'],
  ],
  [
    'SNI of another host',
    { hosts: ['a.b'], tls: [{ match: [{ sniHosts: ['c.d'] }], route: [{ destination: { host: 'a' } }] }] },
    ['spec.tls[0].match[0].sniHosts[0]'],
  ],
  [
    'the authority twice',
    {
      hosts: ['a'],
      http: [
        {
          rewrite: { authority: 'b' },
          headers: { request: { set: { ':authority': 'c' } } },
          route: [{ destination: { host: 'a' } }],
        },
      ],
    },
    ['spec.http[0].headers.request.set[":authority"]'],
  ],
  [
    'the authority of a destination beside a rewrite',
    {
      hosts: ['a'],
      http: [
        {
          rewrite: { authority: 'b' },
          route: [{ destination: { host: 'a' }, headers: { request: { set: { host: 'c' } } } }],
        },
      ],
    },
    ['spec.http[0].route[0].headers.request.set["host"]'],
  ],
  [
    'the authority of a destination in place of the route’s',
    {
      hosts: ['a'],
      http: [
        {
          headers: { request: { set: { host: 'b' } } },
          route: [{ destination: { host: 'a' }, headers: { request: { set: { host: 'c' } } } }],
        },
      ],
    },
    [],
  ],
  [
    'a field of 1.4',
    {
      hosts: ['a'],
      http: [
        { fault: { abort: { percent: 100, httpStatus: 500 } }, route: [{ destination: { host: 'a' } }] },
      ],
    },
    ['~spec.http[0].fault.abort.percent'],
  ],
];

test.each(cases)('VirtualService: %s', (_name, spec, found, metadata) => {
  expect(verdict('VirtualService', spec, metadata)).toEqual(found);
});
