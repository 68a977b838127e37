import { defineKind } from '../kind.ts';

/** Who has a ServiceRole, before 1.4. Source: Istio rbac/v1alpha1/rbac.proto. */
export const serviceRoleBinding = defineKind({
  group: 'rbac.istio.io',
  versions: ['v1alpha1'],
  kind: 'ServiceRoleBinding',
  collection: 'istio/rbac/v1alpha1/servicerolebindings',
  message: 'istio.rbac.v1alpha1.ServiceRoleBinding',
  superseded: 'AuthorizationPolicy (security.istio.io/v1)',
  validate() {},
});
