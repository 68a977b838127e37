import { Secret } from '@lateen/runtime';
import { expect, test } from 'vitest';
import { ApiFailure } from './api-status.ts';
import { createGatekeeper } from './gatekeeper.ts';

const admit = createGatekeeper({ token: new Secret('right'), hosts: ['galley.example'] });
const good = { path: '/apis', host: 'localhost:9876', origin: undefined, authorization: 'Bearer right' };

test.each([
  ['the token on loopback', {}, 0],
  ['a name that was configured', { host: 'Galley.Example' }, 0],
  ['IPv6 loopback', { host: '[::1]:9876' }, 0],
  ['a page of our own', { origin: 'http://localhost:3000' }, 0],
  ['a foreign host', { host: 'evil.example' }, 403],
  ['no host', { host: undefined }, 403],
  ['a foreign page', { origin: 'https://evil.example' }, 403],
  ['an opaque origin', { origin: 'null' }, 403],
  ['no token', { authorization: undefined }, 401],
  ['another token', { authorization: 'Bearer wrong' }, 401],
  ['another scheme', { authorization: 'Basic right' }, 401],
  ['health without token', { path: '/healthz/ready', authorization: undefined }, 0],
  ['health from a foreign host', { path: '/healthz/ready', host: 'evil.example' }, 403],
  ['a path that only looks like health', { path: '/healthzz', authorization: undefined }, 401],
])('%s', (_what, change, code) => {
  let found = 0;
  try {
    admit({ ...good, ...change });
  } catch (error) {
    found = error instanceof ApiFailure ? error.body.code : -1;
  }
  expect(found).toBe(code);
});
