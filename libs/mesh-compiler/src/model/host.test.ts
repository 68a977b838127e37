import { describe, expect, test } from 'vitest';
import { compareHosts, fullHost, hostAliases, hostCovers, hostsOverlap } from './host.ts';

test.each([
  ['reviews', 'reviews.default.svc.cluster.local'],
  ['reviews.default', 'reviews.default'],
  ['www.example.com', 'www.example.com'],
  ['*', '*'],
  ['*.example.com', '*.example.com'],
])('host %s of namespace default is %s', (host, full) => {
  expect(fullHost(host, 'default', 'cluster.local')).toBe(full);
});

describe('wildcards', () => {
  test.each([
    ['*', 'a.b', true],
    ['*.b', 'a.b', true],
    ['*.b', 'b', false],
    ['*.b', '.b', false],
    ['*.b', '*.a.b', true],
    ['*.a.b', '*.b', false],
    ['a.b', 'a.b', true],
    ['a.b', '*.b', false],
  ])('%s covers %s: %s', (outer, inner, covers) => {
    expect(hostCovers(outer, inner)).toBe(covers);
  });

  test('two wildcards overlap when one is inside the other', () => {
    expect(hostsOverlap('*.a.b', '*.b')).toBe(true);
    expect(hostsOverlap('*.a.b', '*.c')).toBe(false);
  });

  test('the most specific host comes first', () => {
    expect(['*', '*.b', 'b', '*.a.b', 'a.b'].sort(compareHosts)).toEqual(['a.b', 'b', '*.a.b', '*.b', '*']);
  });
});

describe('names of a service', () => {
  const service = { name: 'reviews', namespace: 'books' };
  const host = 'reviews.books.svc.cluster.local';

  test('its own namespace says it short', () => {
    expect(hostAliases(host, service, { clientNamespace: 'books', domainSuffix: 'cluster.local' })).toEqual([
      host,
      `${host}.`,
      'reviews',
      'reviews.books.svc',
      'reviews.books',
    ]);
  });

  test('another namespace does not', () => {
    expect(
      hostAliases(host, service, { clientNamespace: 'shop', domainSuffix: 'cluster.local' }),
    ).not.toContain('reviews');
  });

  test('a host outside the mesh has no short forms', () => {
    expect(
      hostAliases('www.example.com', service, { clientNamespace: 'books', domainSuffix: 'cluster.local' }),
    ).toEqual(['www.example.com', 'www.example.com.']);
  });
});
