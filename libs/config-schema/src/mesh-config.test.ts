import { enumOf } from '@lateen/protos';
import { expect, test } from 'vitest';
import { objectFromJson } from './decode-object.ts';
import { meshConfigOf } from './mesh-config.ts';

const of = (mesh: string): ReturnType<typeof meshConfigOf> => {
  const { object } = objectFromJson({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh },
  });
  return meshConfigOf(object as Parameters<typeof meshConfigOf>[0]);
};

test('no ConfigMap answers the defaults', () => {
  const config = meshConfigOf(undefined);
  expect(config).toMatchObject({
    trustDomain: 'cluster.local',
    rootNamespace: 'istio-system',
    enableAutoMtls: { value: true },
    connectTimeout: { seconds: 10, nanos: 0 },
    proxyListenPort: 15001,
    defaultConfig: { drainDuration: { seconds: 45 }, proxyAdminPort: 15000 },
  });
  expect(config.outboundTrafficPolicy?.mode).toBe(
    enumOf('istio.mesh.v1alpha1.MeshConfig.OutboundTrafficPolicy.Mode').ALLOW_ANY,
  );
  expect(config.policyCheckFailOpen ?? false).toBe(false);
});

test('what is given wins, field by field in defaultConfig and by name among providers', () => {
  const config = of(
    'trustDomain: td\nenableAutoMtls: false\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\ndefaultConfig: {drainDuration: 1s}\nextensionProviders: [{name: envoy, envoyFileAccessLog: {path: /tmp/log}}, {name: mine, prometheus: {}}]\n',
  );
  expect(config).toMatchObject({
    trustDomain: 'td',
    enableAutoMtls: { value: false },
    rootNamespace: 'istio-system',
    defaultConfig: { drainDuration: { seconds: 1 }, statusPort: 15020 },
  });
  expect(config.outboundTrafficPolicy?.mode).toBe(0);
  expect(config.extensionProviders?.map(({ name }) => name)).toEqual([
    'prometheus',
    'stackdriver',
    'envoy',
    'mine',
  ]);
  expect(config.extensionProviders?.[2]?.envoyFileAccessLog?.path).toBe('/tmp/log');
});

test('an empty text answers the defaults', () => {
  expect(of('').trustDomain).toBe('cluster.local');
});

test('settings about Mixer, which the message no longer has', () => {
  expect(of('policyCheckFailOpen: true\ntrustDomain: td\n')).toMatchObject({
    policyCheckFailOpen: true,
    trustDomain: 'td',
  });
});
