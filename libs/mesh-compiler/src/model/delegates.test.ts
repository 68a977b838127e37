import type { istio_networking_v1alpha3_HTTPRoute as HttpRoute } from '@lateen/protos';
import { expect, test } from 'vitest';
import { withDelegates } from './delegates.ts';

const second = { seconds: 1, nanos: 0 };
const route = [{ destination: { host: 'web' } }];
const delegate = { name: 'leaf', namespace: 'shop' };

function merged(root: HttpRoute, ...leaves: HttpRoute[]): HttpRoute[] {
  return withDelegates([{ ...root, delegate }], 'edge', (name, namespace) =>
    `${namespace}/${name}` === 'shop/leaf' ? leaves : undefined,
  );
}

test('a delegate’s match stays inside the root’s', () => {
  const root = { match: [{ uri: { prefix: '/shop' }, headers: { a: { exact: '1' } } }] };
  expect(merged(root, { match: [{ uri: { prefix: '/shop/cart' } }], route })[0]?.match).toMatchObject([
    { uri: { prefix: '/shop/cart' }, headers: { a: { exact: '1' } } },
  ]);
  expect(merged(root, { match: [{ uri: { prefix: '/bank' } }], route })).toEqual([]);
  expect(merged(root, { match: [{ uri: { regex: '/shop.*' } }], route })).toEqual([]);
  expect(merged(root, { match: [{ headers: { a: { exact: '2' } } }], route })).toEqual([]);
});

test('one without matches takes the root’s, and its settings come first', () => {
  const root = {
    match: [{ uri: { prefix: '/a' } }],
    timeout: { seconds: 9, nanos: 0 },
    retries: { attempts: 3 },
  };
  expect(merged(root, { timeout: second, route })[0]).toMatchObject({
    match: root.match,
    timeout: second,
    retries: { attempts: 3 },
    route,
  });
});

test('a missing delegate adds nothing, and one of a delegate is not followed', () => {
  expect(withDelegates([{ delegate }, { route }], 'edge', () => undefined)).toEqual([{ route }]);
  expect(merged({}, { delegate: { name: 'other' } }, { route })).toHaveLength(1);
});
