import type { ConfigObject } from '@lateen/config-schema';
import { enumOf, type istio_security_v1beta1_PeerAuthentication as PeerAuthentication } from '@lateen/protos';
import { expect, test } from 'vitest';
import { indexPeerAuthentications } from './peer-authentication.ts';

const { STRICT, PERMISSIVE, DISABLE, UNSET } = enumOf(
  'istio.security.v1beta1.PeerAuthentication.MutualTLS.Mode',
);

function policy(namespace: string, spec: PeerAuthentication): ConfigObject<PeerAuthentication> {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'policy', namespace, labels: {}, annotations: {} },
    spec,
  };
}

const mesh = policy('istio-system', { mtls: { mode: STRICT } });
const namespace = policy('shop', { mtls: { mode: PERMISSIVE } });
const selector = { matchLabels: { app: 'web' } };

test.each([
  ['nothing is said', [], 'shop', [80], 'permissive'],
  ['the mesh says it', [mesh], 'shop', [80], 'strict'],
  ['the namespace says otherwise', [mesh, namespace], 'shop', [80], 'permissive'],
  ['another namespace says it', [mesh, namespace], 'bank', [80], 'strict'],
  ['UNSET inherits', [mesh, policy('shop', { mtls: { mode: UNSET } })], 'shop', [80], 'strict'],
  [
    'the workload says otherwise',
    [mesh, policy('shop', { selector, mtls: { mode: DISABLE } })],
    'shop',
    [80],
    'disable',
  ],
  [
    'the port says otherwise',
    [mesh, policy('shop', { selector, portLevelMtls: { '8080': { mode: DISABLE } } })],
    'shop',
    [21001, 8080],
    'disable',
  ],
  [
    'another port says it',
    [mesh, policy('shop', { selector, portLevelMtls: { '8080': { mode: DISABLE } } })],
    'shop',
    [80],
    'strict',
  ],
  [
    'the port inherits from its workload',
    [
      mesh,
      policy('shop', { selector, mtls: { mode: PERMISSIVE }, portLevelMtls: { '80': { mode: UNSET } } }),
    ],
    'shop',
    [80],
    'permissive',
  ],
  [
    'a port level without a selector counts for nothing',
    [policy('shop', { portLevelMtls: { '80': { mode: STRICT } } })],
    'shop',
    [80],
    'permissive',
  ],
] as const)('%s', (_name, policies, workloadNamespace, ports, mode) => {
  const index = indexPeerAuthentications(policies, 'istio-system');
  expect(index.mode(workloadNamespace, new Map([['app', 'web']]), ports)).toBe(mode);
});
