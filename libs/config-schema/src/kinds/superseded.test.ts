import { expect, test } from 'vitest';
import { objectFromJson } from '../decode-object.ts';

test.each([
  ['authentication.istio.io/v1alpha1', 'Policy', { peers: [{ mtls: {} }] }, 'PeerAuthentication'],
  [
    'authentication.istio.io/v1alpha1',
    'MeshPolicy',
    { peers: [{ mtls: { mode: 'PERMISSIVE' } }] },
    'PeerAuthentication',
  ],
  [
    'rbac.istio.io/v1alpha1',
    'ServiceRole',
    { rules: [{ services: ['*'], methods: ['GET'] }] },
    'AuthorizationPolicy',
  ],
  [
    'rbac.istio.io/v1alpha1',
    'ServiceRoleBinding',
    { subjects: [{ user: '*' }], roleRef: { kind: 'ServiceRole', name: 'a' } },
    'AuthorizationPolicy',
  ],
  ['rbac.istio.io/v1alpha1', 'RbacConfig', { mode: 'ON' }, 'AuthorizationPolicy'],
  [
    'rbac.istio.io/v1alpha1',
    'ClusterRbacConfig',
    { mode: 'ON_WITH_INCLUSION', inclusion: { namespaces: ['a'] } },
    'AuthorizationPolicy',
  ],
])('%s %s is kept and its successor named', (apiVersion, kind, spec, successor) => {
  const { object, violations } = objectFromJson({ apiVersion, kind, metadata: { name: 'a' }, spec });
  expect(object?.kind).toBe(kind);
  expect(violations).toMatchObject([
    { severity: 'warning', path: 'kind', hint: expect.stringContaining(successor) },
  ]);
});
