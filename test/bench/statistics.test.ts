import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { median, medianRatio, percentile, spread } from '../../src/bench/statistics.ts';
import { inTurn } from '../../src/bench/turns.ts';

describe('the median', () => {
  test('is the middle one, or halfway between the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  test('is not moved by one round that went wrong', () => {
    expect(median([100, 101, 99, 100, 3])).toBe(100);
  });

  test('has as many values below it as above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 }), values => {
        const m = median(values);
        expect(values.filter(v => v < m).length).toBeLessThanOrEqual(values.length / 2);
        expect(values.filter(v => v > m).length).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe('spread', () => {
  test('is the way from the smallest to the largest, by the median', () => {
    expect(spread([90, 100, 120])).toBeCloseTo(0.3);
    expect(spread([5])).toBe(0);
    expect(spread([0, 0])).toBe(0);
  });
});

describe('the ratio of rounds', () => {
  test('is taken within each round: a slow machine stands above and below the line', () => {
    expect(medianRatio([100, 10, 50], [200, 20, 100])).toBe(0.5);
  });

  test('leaves out rounds that one of the two lacks, or in which nothing passed', () => {
    expect(medianRatio([100, 100], [50])).toBe(2);
    expect(medianRatio([100, 100], [0, 50])).toBe(2);
    expect(medianRatio([], [1])).toBeUndefined();
    expect(medianRatio([1], [0])).toBeUndefined();
  });
});

describe('percentile', () => {
  test('is the nearest rank', () => {
    const sorted = Float64Array.from({ length: 1000 }, (_, i) => i + 1);
    expect(percentile(sorted, 0.5)).toBe(500);
    expect(percentile(sorted, 0.99)).toBe(990);
    expect(percentile(sorted, 0.999)).toBe(999);
    expect(percentile(sorted, 1)).toBe(1000);
    expect(percentile([7], 0.5)).toBe(7);
  });
});

describe('rounds in turn', () => {
  test('ask everybody once in each, and go the other way round in every second', async () => {
    const asked: string[] = [];
    const samples = await inTurn(['a', 'b', 'c'], 3, async (who, round) => {
      asked.push(`${who}${round}`);
      return round;
    });
    expect(asked.join(' ')).toBe('a0 b0 c0 c1 b1 a1 a2 b2 c2');
    expect(samples.get('b')).toEqual([0, 1, 2]);
  });
});
