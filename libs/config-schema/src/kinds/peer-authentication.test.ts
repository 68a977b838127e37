import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['STRICT', { mtls: { mode: 'STRICT' } }, []],
  ['a port without selector', { portLevelMtls: { 80: { mode: 'DISABLE' } } }, ['spec.portLevelMtls']],
  [
    'a port of a workload',
    { selector: { matchLabels: { app: 'a' } }, portLevelMtls: { 80: { mode: 'DISABLE' } } },
    [],
  ],
  ['no ports', { selector: { matchLabels: { app: 'a' } }, portLevelMtls: {} }, ['spec.portLevelMtls']],
  ['a misspelt mode', { mtls: { mode: 'STRCT' } }, ['spec.mtls.mode']],
];

test.each(cases)('PeerAuthentication: %s', (_name, spec, found, metadata) => {
  expect(verdict('PeerAuthentication', spec, metadata)).toEqual(found);
});
