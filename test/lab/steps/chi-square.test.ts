import { expect, test } from 'vitest';
import { chiSquareTail } from '../../../src/lab/steps/chi-square.ts';

// Critical values of the tables in every book on statistics.
test.each([
  [3.841459, 1, 0.05],
  [5.991465, 2, 0.05],
  [7.814728, 3, 0.05],
  [9.487729, 4, 0.05],
  [13.276704, 4, 0.01],
  [18.466827, 4, 0.001],
  [0.710723, 4, 0.95],
  [29.588298, 10, 0.001],
  [124.342113, 100, 0.05],
])('%f with %i degrees of freedom: %f', (value, degrees, p) => {
  expect(chiSquareTail(value, degrees)).toBeCloseTo(p, 7);
});

test('two degrees are an exponential: e^(-x/2), however far out', () => {
  for (const x of [0.1, 1, 4, 27.6, 200]) expect(chiSquareTail(x, 2) / Math.exp(-x / 2)).toBeCloseTo(1, 9);
});

test('nothing at all is certain to be reached', () => {
  expect(chiSquareTail(0, 3)).toBe(1);
});
