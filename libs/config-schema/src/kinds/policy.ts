import { defineKind } from '../kind.ts';

/** Authentication of a namespace or its services, before 1.5. Source: Istio authentication/v1alpha1/policy.proto. */
export const policy = defineKind({
  group: 'authentication.istio.io',
  versions: ['v1alpha1'],
  kind: 'Policy',
  plural: 'policies',
  collection: 'istio/authentication/v1alpha1/policies',
  message: 'istio.authentication.v1alpha1.Policy',
  superseded: 'PeerAuthentication and RequestAuthentication (security.istio.io/v1)',
  validate() {},
});
