import { expect, test } from 'vitest';
import { claimComplaint } from './claim.ts';

const proxy = { namespace: 'default', serviceAccount: 'reviews' };

test.each([
  { principals: ['spiffe://cluster.local/ns/default/sa/reviews'], complaint: undefined },
  { principals: [], complaint: /no workload identity/ },
  { principals: ['spiffe://cluster.local/something'], complaint: /no workload identity/ },
  { principals: ['spiffe://cluster.local/ns/other/sa/reviews'], complaint: /claims namespace "default"/ },
  { principals: ['spiffe://cluster.local/ns/default/sa/ratings'], complaint: /service account "reviews"/ },
  {
    principals: ['spiffe://elsewhere/ns/default/sa/reviews'],
    complaint: /its certificate is spiffe:\/\/elsewhere/,
  },
])('certificate $principals', ({ principals, complaint }) => {
  const found = claimComplaint(proxy, principals, 'cluster.local');
  if (complaint) expect(found).toMatch(complaint);
  else expect(found).toBeUndefined();
});

test('a node without a service account is nobody', () => {
  const node = { namespace: 'default', serviceAccount: '' };
  expect(claimComplaint(node, ['spiffe://cluster.local/ns/default/sa/x'], 'cluster.local')).toMatch(/claims/);
});
