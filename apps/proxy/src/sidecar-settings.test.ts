import { expect, test } from 'vitest';
import { agentFolder, readSidecarSettings } from './sidecar-settings.ts';

const environment = {
  POD_NAME: 'reviews-v1-1',
  JOIN_TOKEN_FILE: '/t',
  LATEEN_STATE_DIR: '/state',
  WORKLOAD_LABELS: '{"app":"reviews"}',
  LATEEN_INBOUND: '[{"port":20001,"appPort":20002,"name":"http"}]',
  LATEEN_OUTBOUND: '{"27017":31017}',
  HTTP_PROXY_PORT: '15080',
};

test('settings come from the environment, with defaults', () => {
  expect(readSidecarSettings(environment)).toMatchObject({
    name: 'reviews-v1-1',
    namespace: 'default',
    workloadName: 'reviews-v1-1',
    joinToken: { file: '/t' },
    folder: '/state/agent',
    labels: { app: 'reviews' },
    inbound: [{ port: 20_001, appPort: 20_002, name: 'http' }],
    outbound: { '27017': 31_017 },
    httpProxyPort: 15_080,
    stopDrainMs: 5000,
    delivery: 'delta',
  });
});

test('a proxy binary may take our place', () => {
  expect(readSidecarSettings(environment).proxyBinary).toBeUndefined();
  expect(readSidecarSettings({ ...environment, PROXY_BINARY: '/e' }).proxyBinary).toBe('/e');
});

test('a token in the environment is never printed', () => {
  const settings = readSidecarSettings({ ...environment, JOIN_TOKEN: 'secret' });
  expect(JSON.stringify(settings)).not.toContain('secret');
});

test('every problem is reported at once', () => {
  const read = () =>
    readSidecarSettings({
      LATEEN_INBOUND: '{}',
      LATEEN_OUTBOUND: 'x',
      WORKLOAD_LABELS: '{"a":1}',
      DISCOVERY_ADDRESS: 'y',
    });
  for (const name of [
    'POD_NAME',
    'JOIN_TOKEN_FILE',
    'LATEEN_INBOUND',
    'LATEEN_OUTBOUND',
    'WORKLOAD_LABELS',
    'DISCOVERY_ADDRESS',
  ]) {
    expect(read).toThrow(name);
  }
});

test('a state folder that is too deep for sockets is replaced by a short one', () => {
  expect(agentFolder('/s', 'agent')).toBe('/s/agent');
  const deep = agentFolder(`/${'deep/'.repeat(30)}`, 'agent');
  expect(deep.length).toBeLessThan(90);
  expect(agentFolder(`/${'deep/'.repeat(30)}`, 'agent')).toBe(deep);
});
