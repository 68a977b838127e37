import type { ConfigObject } from '@lateen/config-schema';
import { expect, test } from 'vitest';
import { indexMixerRules } from './mixer-rules.ts';

function objects(namespace: string, specs: Record<string, unknown>): Map<string, ConfigObject> {
  return new Map(
    Object.entries(specs).map(([name, spec]) => [
      `${namespace}/${name}`,
      {
        apiVersion: 'config.istio.io/v1alpha2',
        kind: 'x',
        metadata: { name, namespace, labels: {}, annotations: {} },
        spec,
      },
    ]),
  );
}

const handlers = objects('istio-system', {
  closed: { compiledAdapter: 'denier' },
  numbers: { compiledAdapter: 'prometheus' },
});
const instances = objects('istio-system', {
  nothing: { compiledTemplate: 'checknothing' },
  count: { compiledTemplate: 'metric' },
});

test.each([
  ['a check', { actions: [{ handler: 'closed', instances: ['nothing'] }] }, { check: true, report: false }],
  ['a report', { actions: [{ handler: 'numbers', instances: ['count'] }] }, { check: false, report: true }],
  [
    'instances that are not known: the handler tells',
    { actions: [{ handler: 'closed', instances: ['gone'] }] },
    { check: true, report: false },
  ],
  [
    'a reference that names its template',
    { actions: [{ handler: 'x', instances: ['a.quota'] }] },
    { check: true, report: false },
  ],
  ['header edits', { requestHeaderOperations: [{ name: 'x' }] }, { check: true, report: false }],
  ['nothing', { actions: [] }, { check: false, report: false }],
])('%s', (_name, rule, demand) => {
  const snapshot = {
    revision: 1,
    objects: new Map([
      ['istio/policy/v1beta1/handlers', handlers],
      ['istio/policy/v1beta1/instances', instances],
      ['istio/policy/v1beta1/rules', objects('istio-system', { rule })],
    ]),
  };
  const rules = indexMixerRules(snapshot);
  expect(rules.any).toEqual(demand);
  expect(rules.demand('shop', 'istio-system')).toEqual(demand);
});

test('a rule of a namespace holds for traffic to it alone', () => {
  const rule = { actions: [{ handler: 'closed.istio-system', instances: ['nothing.istio-system'] }] };
  const rules = indexMixerRules({
    revision: 1,
    objects: new Map([
      ['istio/policy/v1beta1/instances', instances],
      ['istio/policy/v1beta1/rules', objects('shop', { rule })],
    ]),
  });
  expect(rules.demand('shop', 'istio-system').check).toBe(true);
  expect(rules.demand('bank', 'istio-system').check).toBe(false);
});
