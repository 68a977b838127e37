import { attribute, MutableBag, TrackedBag } from '@lateen/attributes';
import type { ConfigObject } from '@lateen/config-schema';
import type { istio_networking_v1alpha3_WorkloadEntry } from '@lateen/protos';
import { expect, test } from 'vitest';
import { WorkloadAttributes } from './workload-attributes.ts';

const entry: ConfigObject<istio_networking_v1alpha3_WorkloadEntry> = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadEntry',
  metadata: { name: 'reviews-v3-1', namespace: 'default', labels: {}, annotations: {} },
  spec: { address: '127.0.0.1', labels: { app: 'reviews', version: 'v3' }, serviceAccount: 'reviews' },
};
const registry = new WorkloadAttributes();
registry.set([entry]);

const uid = 'kubernetes://reviews-v3-1.default';
const forged = attribute.stringMap(new Map([['app', 'forged']]));

test.each([
  ['its own certificate', 'cluster.local/ns/default/sa/reviews', 'reviews'],
  ['no certificate', undefined, 'reviews'],
  ['the certificate of another', 'cluster.local/ns/default/sa/ratings', 'forged'],
])('a source with %s', (_what, principal, app) => {
  const bag = new MutableBag().set('source.uid', attribute.string(uid)).set('source.labels', forged);
  if (principal) bag.set('source.principal', attribute.string(principal));
  const labels = registry.over(bag).get('source.labels');
  expect(labels?.kind === 'stringMap' && labels.value.get('app')).toBe(app);
});

test('what comes from the registry is referenced by the uid that led to it', () => {
  const tracked = new TrackedBag(new MutableBag().set('destination.uid', attribute.string(uid)));
  const source = registry.over(tracked);
  expect(source.get('destination.workload.name')?.value).toBe('reviews-v3-1');
  expect(source.get('destination.serviceAccount')?.value).toBe('reviews');
  expect(source.get('destination.port')).toBeUndefined();
  expect(tracked.referenced()).toEqual({
    attributeMatches: [
      { name: 154, condition: 2 },
      { name: 151, condition: 1 },
    ],
  });
});

test('an end that the registry does not know keeps its own attributes', () => {
  const bag = new MutableBag()
    .set('source.uid', attribute.string('kubernetes://x.y'))
    .set('source.labels', forged);
  expect(registry.over(bag).get('source.labels')).toBe(forged);
});
