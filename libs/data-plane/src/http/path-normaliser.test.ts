import { expect, test } from 'vitest';
import { normalisePath, type PathOptions } from './path-normaliser.ts';

const base: PathOptions = { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' };
const all: PathOptions = { normalize: true, mergeSlashes: true, escapedSlashes: 'unescape-forward' };

test.each<[string, PathOptions, string]>([
  ['/a/../b', base, '/b'],
  ['/a/./b/', base, '/a/b/'],
  ['/..', base, '/'],
  ['/a/..', base, '/'],
  ['/a/.', base, '/a/'],
  ['/a%2e%2e/b', base, '/a../b'],
  ['/%2e%2e/b', base, '/b'],
  ['/a\\b', base, '/a/b'],
  ['/a//b', base, '/a//b'],
  ['/a//b?x=//../y', all, '/a/b?x=//../y'],
  ['/a%2fb%5Cc', all, '/a/b/c'],
  ['/%252e%252e/b', all, '/%252e%252e/b'],
  ['/a%7Eb', base, '/a~b'],
])('%s becomes canonical', (path, options, wanted) => {
  expect(normalisePath(path, options)).toMatchObject({ path: wanted });
});

test.each([
  ['NUL', '/a%00', { ...base, normalize: false }],
  ['broken escape', '/a%2', base],
  ['escaped slash where refused', '/a%2Fb', { ...base, escapedSlashes: 'reject' as const }],
])('%s is refused', (_, path, options) => expect(normalisePath(path, options)).toEqual({ kind: 'invalid' }));

test('an escaped slash may redirect', () => {
  expect(normalisePath('/a%2Fb?c', { ...base, escapedSlashes: 'unescape-redirect' })).toEqual({
    kind: 'redirect',
    path: '/a/b?c',
  });
});

test('canonical paths stay canonical', () => {
  for (const path of ['/a/b', '/', '/a/b/?x', '/..a/.b', '/%41%zz'.slice(0, 4)]) {
    const once = normalisePath(path, all);
    if (once.kind !== 'invalid')
      expect(normalisePath(once.path, all)).toEqual({ kind: 'same', path: once.path });
  }
});
