import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { silentLogger, systemClock } from '@lateen/runtime';
import { expect, test } from 'vitest';
import { createWorkloadIdentity, type WorkloadIdentityOptions } from './index.ts';

// What needs a citadel is tested beside it, in apps/citadel.

function options(change: Partial<WorkloadIdentityOptions>): WorkloadIdentityOptions {
  return {
    citadelAddress: '127.0.0.1:1',
    joinToken: async () => 'no token',
    principal: 'spiffe://cluster.local/ns/default/sa/reviews',
    trustDomain: 'cluster.local',
    clock: systemClock,
    random: () => 0,
    logger: silentLogger,
    startTimeoutMs: 150,
    requestTimeoutMs: 100,
    ...change,
  };
}

const claims = { sub: 'spiffe://cluster.local/ns/default/sa/reviews', root_sha256: 'ab'.repeat(32) };
const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.e30`;

test.each<[string, Partial<WorkloadIdentityOptions>, RegExp]>([
  ['no token', { joinToken: () => Promise.reject(new Error('no file')) }, /within 0.15 s: no file/],
  ['a broken token', {}, /the join token cannot be used: it is not a JWT/],
  [
    'nobody there',
    { joinToken: async () => token },
    /citadel cannot be reached at 127.0.0.1:1: .*ECONNREFUSED/,
  ],
])('start gives up and says why: %s', async (_what, change, message) => {
  const workload = createWorkloadIdentity(options(change));
  await expect(workload.start()).rejects.toThrow(message);
  expect(workload.state.current).toBe('idle');
});

test('a server that accepts and stays silent is given up', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const workload = createWorkloadIdentity(
    options({ citadelAddress: address, joinToken: async () => token, startTimeoutMs: 300 }),
  );
  await expect(workload.start()).rejects.toThrow(/no TLS handshake in time/);
  silent.close();
});
