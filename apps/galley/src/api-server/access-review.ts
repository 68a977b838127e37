import { isJson } from '../store/field-set.ts';

const reviews: ReadonlyMap<string, { apiVersion: string; kind: string; status: object }> = new Map([
  [
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      status: { allowed: true, reason: 'the admin token may do everything' },
    },
  ],
  [
    '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      status: {
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        incomplete: false,
      },
    },
  ],
  [
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'SelfSubjectReview',
      status: { userInfo: { username: 'lateen:admin', groups: ['system:masters', 'system:authenticated'] } },
    },
  ],
]);

/**
 * Answer to `kubectl auth can-i` and `whoami`; `undefined` for other paths. Whoever is past the door holds the admin token.
 */
export function accessReview(path: string, body: () => unknown): object | undefined {
  const review = reviews.get(path);
  if (!review) return undefined;
  const asked = body();
  return { ...review, metadata: {}, spec: isJson(asked) ? (asked.spec ?? {}) : {} };
}
