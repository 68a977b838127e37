import type { ConfigObject } from '@lateen/config-schema';
import { enumOf, structOf } from '@lateen/protos';
import { expect, test } from 'vitest';
import { createMeshModel, parseProxy } from '../index.ts';
import { authorizationRules, customPolicies } from './authorization.ts';

const { CUSTOM, DENY } = enumOf('istio.security.v1beta1.AuthorizationPolicy.Action');
const collection = 'istio/security/v1beta1/authorizationpolicies';

function model(spec: unknown, namespace = 'shop'): ReturnType<typeof createMeshModel> {
  const policy: ConfigObject = {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'policy', namespace, labels: {}, annotations: {} },
    spec,
  };
  const extensionProviders = [
    { name: 'asked', envoyExtAuthzGrpc: { service: 'auth.shop.svc.cluster.local', port: 9000 } },
  ];
  const objects = new Map([[collection, new Map([[`${namespace}/policy`, policy]])]]);
  return createMeshModel(
    { revision: 1, objects },
    { domainSuffix: 'cluster.local', meshConfig: { extensionProviders } },
  );
}

const stock = parseProxy({
  id: 'sidecar~10.0.0.1~web.shop~',
  metadata: structOf({ LABELS: { app: 'web' } }),
});
const ours = parseProxy({
  id: stock.id,
  metadata: structOf({ LABELS: { app: 'web' }, LATEEN_FEATURES: [] }),
});
const rules = [{ to: [{ operation: { paths: ['/a'] } }] }];
const query = () => ({ tcp: false, problems: [] });

test.each([
  ['its own namespace', {}, 'shop', true],
  ['the root namespace', {}, 'istio-system', true],
  ['another namespace', {}, 'bank', false],
  ['labels that it has', { selector: { matchLabels: { app: 'web' } } }, 'shop', true],
  ['labels that it lacks', { selector: { matchLabels: { app: 'other' } } }, 'shop', false],
  ['a target of the Gateway API', { targetRefs: [{ name: 'gateway' }] }, 'shop', false],
])('a policy for %s', (_name, spec, namespace, holds) => {
  expect(authorizationRules(model({ ...spec, rules }, namespace), stock, query())).toHaveLength(
    holds ? 1 : 0,
  );
});

test('an ALLOW policy without rules closes everything, a DENY policy without rules nothing', () => {
  const [closed] = authorizationRules(model({}), stock, query());
  expect(closed?.rules?.policies?.['ns[shop]-policy[policy]-rule[0]']?.permissions).toEqual([
    { notRule: { any: true } },
  ]);
  expect(authorizationRules(model({ action: DENY }), stock, query())).toEqual([]);
});

test('an authorizer that the proxy can ask is asked; where it cannot, what the policy takes is denied', () => {
  const custom = model({ action: CUSTOM, provider: { name: 'asked' }, rules });
  expect(customPolicies(custom, stock, query())).toHaveLength(1);
  expect(authorizationRules(custom, stock, query())).toEqual([]);
  const problems: { object: string; message: string }[] = [];
  expect(customPolicies(custom, ours, query())).toEqual([]);
  expect(authorizationRules(custom, ours, { tcp: false, problems })).toMatchObject([
    { rules: { action: 1 } },
  ]);
  expect(problems[0]?.message).toBe("authorizer asked can't be asked: what the policy takes is denied");
});
