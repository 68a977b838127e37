import { defineKind } from '../kind.ts';

/** Where RBAC is on, before 1.4. Source: Istio rbac/v1alpha1/rbac.proto. */
export const clusterRbacConfig = defineKind({
  group: 'rbac.istio.io',
  versions: ['v1alpha1'],
  kind: 'ClusterRbacConfig',
  namespaced: false,
  collection: 'istio/rbac/v1alpha1/clusterrbacconfigs',
  message: 'istio.rbac.v1alpha1.RbacConfig',
  superseded: 'AuthorizationPolicy (security.istio.io/v1)',
  validate() {},
});
