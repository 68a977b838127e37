import { expect, test } from 'vitest';
import {
  appendPath,
  expandTrustDomains,
  formatSpiffeId,
  formatWorkloadId,
  parseSpiffeId,
  parseTrustDomain,
  parseWorkloadId,
  spiffeIdOfSegments,
} from './index.ts';

test.each([
  ['spiffe://td', { value: { trustDomain: 'td', path: '' } }],
  ['spiffe://td/a/B.c_d-e', { value: { trustDomain: 'td', path: '/a/B.c_d-e' } }],
  ['spiffe://td/', { complaint: 'path cannot have a trailing slash' }],
  ['spiffe://td//a', { complaint: 'path cannot contain empty segments' }],
  ['spiffe://td/./a', { complaint: 'path cannot contain dot segments' }],
  ['spiffe://td/%41', { complaint: expect.stringContaining('path segment characters') }],
  ['spiffe://TD/a', { complaint: expect.stringContaining('trust domain characters') }],
  ['spiffe://td:80/a', { complaint: expect.stringContaining('trust domain characters') }],
  ['SPIFFE://td/a', { complaint: 'scheme is missing or invalid' }],
  ['', { complaint: 'cannot be empty' }],
])('parse %s', (text, expected) => {
  const parsed = parseSpiffeId(text);
  expect(parsed).toEqual(expected);
  if ('value' in parsed) expect(formatSpiffeId(parsed.value)).toBe(text);
});

test('trust domains, segments and paths', () => {
  expect(parseTrustDomain('spiffe://td/a')).toEqual({ value: 'td' });
  expect(parseTrustDomain('td')).toEqual({ value: 'td' });
  expect(spiffeIdOfSegments('td', ['a', 'b'])).toEqual({ value: { trustDomain: 'td', path: '/a/b' } });
  expect(appendPath({ trustDomain: 'td', path: '/a' }, '/b')).toEqual({
    value: { trustDomain: 'td', path: '/a/b' },
  });
});

test.each([
  ['spiffe://td/ns/a b/sa/ü', { trustDomain: 'td', namespace: 'a b', serviceAccount: 'ü' }],
  ['spiffe://td/ns//sa/', { trustDomain: 'td', namespace: '', serviceAccount: '' }],
  ['spiffe://td/ns/a/sa/b/', undefined],
  ['spiffe://td/ns/a/sa', undefined],
  ['spiffe://td/namespace/a/sa/b', undefined],
  ['td/ns/a/sa/b', undefined],
])('workload id %s', (text, expected) => {
  expect(parseWorkloadId(text)).toEqual(expected);
});

test('a trust domain with an @ is written with a dot', () => {
  expect(formatWorkloadId({ trustDomain: 'a@b.c', namespace: 'foo', serviceAccount: 'bar' })).toBe(
    'spiffe://a.b.c/ns/foo/sa/bar',
  );
});

test('trust domain aliases', () => {
  expect(expandTrustDomains(['spiffe://a/ns/n/sa/s', 'x.example'], ['b', 'a'])).toEqual([
    'spiffe://a/ns/n/sa/s',
    'spiffe://b/ns/n/sa/s',
    'x.example',
  ]);
});
