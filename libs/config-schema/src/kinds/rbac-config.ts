import { defineKind } from '../kind.ts';

/** Where RBAC is on, before 1.1. Source: Istio rbac/v1alpha1/rbac.proto. */
export const rbacConfig = defineKind({
  group: 'rbac.istio.io',
  versions: ['v1alpha1'],
  kind: 'RbacConfig',
  collection: 'istio/rbac/v1alpha1/rbacconfigs',
  message: 'istio.rbac.v1alpha1.RbacConfig',
  superseded: 'AuthorizationPolicy (security.istio.io/v1)',
  validate() {},
});
