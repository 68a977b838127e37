import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  [
    'two ports',
    {
      selector: { app: 'a' },
      ports: [
        { name: 'http', port: 80, targetPort: 'web' },
        { name: 'tcp', port: 81, targetPort: 8080 },
      ],
    },
    [],
  ],
  ['no port', { selector: { app: 'a' } }, ['spec.ports']],
  ['a headless one', { clusterIP: 'None', selector: { app: 'a' } }, []],
  ['a port without name among two', { ports: [{ port: 80 }, { name: 'b', port: 81 }] }, ['spec.ports[0]']],
  ['a target that is neither', { ports: [{ port: 80, targetPort: true }] }, ['spec.ports[0].targetPort']],
  ['a port out of range', { ports: [{ port: 70000 }] }, ['spec.ports[0].port']],
  ['a name that starts with a digit', { ports: [{ port: 80 }] }, ['metadata.name'], { name: '1a' }],
];

test.each(cases)('Service: %s', (_name, spec, found, metadata) => {
  expect(verdict('Service', spec, metadata)).toEqual(found);
});
