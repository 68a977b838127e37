import { defineKind } from '../kind.ts';

/** Permissions, before 1.4. Source: Istio rbac/v1alpha1/rbac.proto. */
export const serviceRole = defineKind({
  group: 'rbac.istio.io',
  versions: ['v1alpha1'],
  kind: 'ServiceRole',
  collection: 'istio/rbac/v1alpha1/serviceroles',
  message: 'istio.rbac.v1alpha1.ServiceRole',
  superseded: 'AuthorizationPolicy (security.istio.io/v1)',
  validate() {},
});
