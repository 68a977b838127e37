import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['a template', { template: { serviceAccount: 'a' } }, []],
  ['none', {}, ['spec.template']],
  ['an empty probe', { template: {}, probe: {} }, ['spec.probe']],
  ['a probe without port', { template: {}, probe: { tcpSocket: {} } }, ['spec.probe.tcpSocket.port']],
];

test.each(cases)('WorkloadGroup: %s', (_name, spec, found, metadata) => {
  expect(verdict('WorkloadGroup', spec, metadata)).toEqual(found);
});
