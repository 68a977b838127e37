import { defineKind } from '../kind.ts';

/** Authentication of the whole mesh, before 1.5. Source: Istio authentication/v1alpha1/policy.proto. */
export const meshPolicy = defineKind({
  group: 'authentication.istio.io',
  versions: ['v1alpha1'],
  kind: 'MeshPolicy',
  plural: 'meshpolicies',
  namespaced: false,
  collection: 'istio/authentication/v1alpha1/meshpolicies',
  message: 'istio.authentication.v1alpha1.Policy',
  superseded: 'PeerAuthentication (security.istio.io/v1) in the root namespace',
  validate() {},
});
