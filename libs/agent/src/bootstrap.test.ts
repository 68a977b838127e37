import { fromJson, structJson } from '@lateen/protos';
import { expect, test } from 'vitest';
import { createBootstrap } from './bootstrap.ts';
import type { ProxyNode } from './node-metadata.ts';

const node: ProxyNode = {
  role: 'sidecar',
  name: 'reviews-v1-abc',
  namespace: 'default',
  serviceAccount: 'bookinfo-reviews',
  workloadName: 'reviews-v1',
  labels: { app: 'reviews', version: 'v1' },
  instanceIps: ['127.0.0.1', '::1'],
};

const options = { node, sdsSocket: '/run/a/sds.sock', adsSocket: '/run/a/ads.sock', adminPort: 15000 };

test("a bootstrap is one by Envoy's schema", () => {
  const bootstrap = fromJson('envoy.config.bootstrap.v3.Bootstrap', createBootstrap(options));
  expect(bootstrap.node).toMatchObject({
    id: 'sidecar~127.0.0.1~reviews-v1-abc.default~default.svc.cluster.local',
    cluster: 'reviews.default',
  });
  const clusters = bootstrap.staticResources?.clusters ?? [];
  expect(clusters.map(({ name }) => name)).toEqual(['sds-grpc', 'xds-grpc']);
  const pipes = clusters.map(({ loadAssignment }) => {
    return loadAssignment?.endpoints?.[0]?.lbEndpoints?.[0]?.endpoint?.address?.pipe?.path;
  });
  expect(pipes).toEqual(['/run/a/sds.sock', '/run/a/ads.sock']);
  expect(bootstrap.admin?.address?.socketAddress).toMatchObject({ address: '127.0.0.1', portValue: 15000 });
  expect(bootstrap.dynamicResources?.adsConfig?.grpcServices?.[0]?.envoyGrpc?.clusterName).toBe('xds-grpc');
});

test("metadata under Istio's names, and ours only where they say something", () => {
  const plain = structJson(
    fromJson('envoy.config.bootstrap.v3.Bootstrap', createBootstrap(options)).node?.metadata ?? {},
  );
  expect(plain).toEqual({
    NAME: 'reviews-v1-abc',
    NAMESPACE: 'default',
    SERVICE_ACCOUNT: 'bookinfo-reviews',
    WORKLOAD_NAME: 'reviews-v1',
    LABELS: { app: 'reviews', version: 'v1' },
    INSTANCE_IPS: '127.0.0.1,::1',
    ISTIO_VERSION: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    CLUSTER_ID: 'Kubernetes',
    MESH_ID: 'cluster.local',
    INTERCEPTION_MODE: 'NONE',
  });
  const full = createBootstrap({
    ...options,
    delivery: 'sotw',
    node: {
      ...node,
      role: 'router',
      clusterId: 'c1',
      inbound: [{ port: 19080, appPort: 9080, name: 'http' }],
      httpProxyPort: 15080,
      proxyCredentials: '/run/a/htpasswd',
      outbound: { '27017': 31017 },
      features: ['mixer'],
    },
  });
  const decoded = fromJson('envoy.config.bootstrap.v3.Bootstrap', full);
  expect(decoded.node?.id).toMatch(/^router~127\.0\.0\.1~/);
  expect(decoded.dynamicResources?.adsConfig?.apiType).toBe(2);
  expect(structJson(decoded.node?.metadata ?? {})).toMatchObject({
    CLUSTER_ID: 'c1',
    LATEEN_INBOUND: [{ port: 19080, appPort: 9080, name: 'http' }],
    HTTP_PROXY_PORT: '15080',
    LATEEN_PROXY_CREDENTIALS: '/run/a/htpasswd',
    LATEEN_OUTBOUND: { '27017': 31017 },
    LATEEN_FEATURES: ['mixer'],
  });
});
