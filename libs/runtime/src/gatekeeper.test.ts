import { Secret } from './secret.ts';
import { expect, test } from 'vitest';
import { createGatekeeper } from './gatekeeper.ts';

const admit = createGatekeeper({ token: new Secret('t0ken'), hosts: ['pilot.example'] });
const bearer = 'Bearer t0ken';

test.each([
  { path: '/debug/syncz', host: '127.0.0.1:15014', authorization: bearer, status: undefined },
  { path: '/debug/syncz', host: 'LOCALHOST', authorization: bearer, status: undefined },
  { path: '/debug/syncz', host: '[::1]:15014', authorization: bearer, status: undefined },
  { path: '/debug/syncz', host: 'pilot.example:15014', authorization: bearer, status: undefined },
  { path: '/debug/syncz', host: 'evil.example', authorization: bearer, status: 403 },
  { path: '/debug/syncz', host: undefined, authorization: bearer, status: 403 },
  {
    path: '/debug/syncz',
    host: 'localhost',
    origin: 'https://evil.example',
    authorization: bearer,
    status: 403,
  },
  { path: '/debug/syncz', host: 'localhost', origin: 'null', authorization: bearer, status: 403 },
  {
    path: '/debug/syncz',
    host: 'localhost',
    origin: 'http://localhost:15014',
    authorization: bearer,
    status: undefined,
  },
  { path: '/debug/syncz', host: 'localhost', status: 401 },
  { path: '/debug/syncz', host: 'localhost', authorization: 'Bearer other', status: 401 },
  { path: '/metrics', host: 'localhost', status: undefined },
  { path: '/metrics', host: 'evil.example', status: 403 },
  { path: '/healthz/ready', host: 'localhost', status: undefined },
])('$path for host $host, origin $origin, $authorization: $status', ({ status, ...visitor }) => {
  const full = { origin: undefined, authorization: undefined, ...visitor };
  expect(admit(full)?.status).toBe(status);
});
