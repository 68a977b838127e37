import { expect, test } from 'vitest';
import { type Case, verdict } from '../verdict.ts';

const cases: readonly Case[] = [
  ['concurrency', { concurrency: 2, image: { imageType: 'distroless' } }, []],
  ['negative concurrency', { concurrency: -1 }, ['spec.concurrency']],
];

test.each(cases)('ProxyConfig: %s', (_name, spec, found, metadata) => {
  expect(verdict('ProxyConfig', spec, metadata)).toEqual(found);
});
