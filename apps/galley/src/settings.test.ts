import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSettings } from './settings.ts';

test('the defaults are one machine with the embedded store', () => {
  expect(readSettings({ LATEEN_STATE_DIR: '/state' })).toMatchObject({
    mcpAddress: { host: '127.0.0.1', port: 9901 },
    apiAddress: { host: '127.0.0.1', port: 9876 },
    stateDir: '/state',
    trustDomain: 'cluster.local',
    store: 'sqlite',
    natsServers: [],
    joinTokenFile: join('/state', 'tokens', 'galley'),
  });
});

test('the distributed store has a bus', () => {
  expect(readSettings({ GALLEY_STORE: 'nats' }).natsServers).toEqual(['nats://127.0.0.1:14222']);
  expect(readSettings({ NATS_URL: 'nats://a:1, nats://b:2' }).natsServers).toEqual([
    'nats://a:1',
    'nats://b:2',
  ]);
});

test('every problem is told at once', () => {
  const read = () =>
    readSettings({ GALLEY_MCP_ADDRESS: 'nowhere', GALLEY_STORE: 'etcd', GALLEY_API_ADDRESS: 'a:99999' });
  expect(read).toThrow(/GALLEY_MCP_ADDRESS[^]*GALLEY_API_ADDRESS/);
  expect(read).toThrow(/GALLEY_STORE: expected one of sqlite, nats/);
});

test('IPv6 addresses lose their brackets', () => {
  expect(readSettings({ GALLEY_API_ADDRESS: '[::1]:0' }).apiAddress).toEqual({ host: '::1', port: 0 });
});
