import { expect, test } from 'vitest';
import { fractionalPercent, wholePercent } from './fraction.ts';

test.each([
  [100, 1_000_000],
  [12.5, 125_000],
  [0.001, 10],
  [0, 0],
  [33.3333, 333_333],
])('%f %% is %i of a million', (percent, numerator) => {
  expect(fractionalPercent(percent)).toEqual({ numerator, denominator: 2 });
});

test('whole percents stay whole', () => {
  expect(wholePercent(80)).toEqual({ numerator: 80, denominator: 0 });
});
