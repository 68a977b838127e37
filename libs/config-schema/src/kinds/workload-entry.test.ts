import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['an address', { address: '10.0.0.1', ports: { http: 8080 }, labels: { app: 'a' } }, []],
  ['none', {}, ['spec.address']],
  ['a network instead', { network: 'n' }, ['~spec']],
  ['a port out of range', { address: '10.0.0.1', ports: { http: 70000 } }, ['spec.ports.http']],
  ['a bad label', { address: '10.0.0.1', labels: { 'a/b/c': 'x' } }, ['spec.labels["a/b/c"]']],
];

test.each(cases)('WorkloadEntry: %s', (_name, spec, found, metadata) => {
  expect(verdict('WorkloadEntry', spec, metadata)).toEqual(found);
});
