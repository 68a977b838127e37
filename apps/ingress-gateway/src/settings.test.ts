import { expect, test } from 'vitest';
import { readSettings } from './settings.ts';

test('a gateway needs nothing but its place: everything has a default', () => {
  expect(readSettings({ LATEEN_STATE_DIR: '/state' })).toMatchObject({
    name: 'istio-ingressgateway',
    namespace: 'istio-system',
    serviceAccount: 'istio-ingressgateway-service-account',
    labels: { istio: 'ingressgateway' },
    joinTokenFile: '/state/tokens/ingress-gateway',
    folder: '/state/ingress-gateway',
    adminPort: 15_000,
  });
});

test('every problem is reported at once', () => {
  const read = () =>
    readSettings({ WORKLOAD_LABELS: '[1]', CITADEL_ADDRESS: 'x', PROXY_ADMIN_PORT: '99999999' });
  for (const name of ['WORKLOAD_LABELS', 'CITADEL_ADDRESS', 'PROXY_ADMIN_PORT']) expect(read).toThrow(name);
});
