import { expect, test } from 'vitest';
import { didYouMean, editDistance, nearest } from './suggestion.ts';

test.each([
  ['kitten', 'sitting', 3],
  ['ab', 'ba', 1],
  ['', 'abc', 3],
  ['same', 'same', 0],
])('%s to %s', (a, b, distance) => {
  expect(editDistance(a, b, 5)).toBe(distance);
});

test.each([
  ['htpp', ['http', 'tcp', 'tls'], 'http'],
  ['retires', ['retries', 'route'], 'retries'],
  ['virtualservice', ['VirtualService'], 'VirtualService'],
  ['zzzz', ['http'], undefined],
  ['x'.repeat(10_000), ['x'], undefined],
])('%s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
  expect(didYouMean(word, candidates)).toBe(
    expected === undefined ? undefined : `did you mean "${expected}"?`,
  );
});
