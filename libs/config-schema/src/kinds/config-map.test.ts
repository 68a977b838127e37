import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['data', { data: { a: 'b' } }, []],
  ['a key with a slash', { data: { 'a/b': 'c' } }, ['data["a/b"]']],
  [
    'mesh settings',
    { data: { mesh: 'trustDomain: td\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n' } },
    [],
    { name: 'istio' },
  ],
  [
    'mesh settings of a wrong type',
    { data: { mesh: 'outboundTrafficPolicy: {mode: ALOW_ANY}' } },
    ['data.mesh.outboundTrafficPolicy.mode'],
    { name: 'istio' },
  ],
  [
    'an unknown mesh setting',
    { data: { mesh: 'trustDomian: td' } },
    ['~data.mesh.trustDomian'],
    { name: 'istio' },
  ],
  [
    'mesh settings out of range',
    {
      data: {
        mesh: 'trustDomain: a/b\nconnectTimeout: 2h\ndefaultConfig: {discoveryAddress: nowhere, drainDuration: 1500ms}',
      },
    },
    [
      'data.mesh.connectTimeout',
      'data.mesh.defaultConfig.discoveryAddress',
      'data.mesh.defaultConfig.drainDuration',
      'data.mesh.trustDomain',
    ],
    { name: 'istio' },
  ],
];

test.each(cases)('ConfigMap: %s', (_name, spec, found, metadata) => {
  expect(verdict('ConfigMap', spec, metadata)).toEqual(found);
});
