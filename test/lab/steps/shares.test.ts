import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { cascadeShares, countShares, doubts } from '../../../src/lab/steps/shares.ts';

const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `web-${i + 1}`);

/** As the rules choose: one after the other, each with its own draw. */
function drawn(n: number, flows: number, seed = 1): number[] {
  const random = new SeededRandom(seed);
  const stored = cascadeShares(n).map(rule => rule.stored);
  return Array.from({ length: flows }, () => stored.findIndex(p => random.u32() / 2 ** 32 < p));
}
const inTurn = (n: number, flows: number): number[] => Array.from({ length: flows }, (_, i) => i % n);

describe('the shares of a cascade', () => {
  test('1/3 is stored as 0.33333333349, and what is left is halved', () => {
    expect(cascadeShares(3).map(({ stored }) => stored.toFixed(11))).toEqual(['0.33333333349', '0.50000000000', '1.00000000000']);
    expect(cascadeShares(3).map(({ share }) => share.toFixed(11))).toEqual(['0.33333333349', '0.33333333326', '0.33333333326']);
  });

  test('for any number of backends add up to 1 and miss 1/n by less than a billionth', () => {
    for (let n = 1; n <= 50; n++) {
      const shares = cascadeShares(n).map(({ share }) => share);
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      for (const share of shares) expect(Math.abs(share - 1 / n)).toBeLessThan(1e-9);
    }
  });
});

describe('thousands of connections', () => {
  test('drawn by the rules raise no doubt, whatever the seed', () => {
    for (let seed = 0; seed < 100; seed++)
      for (const n of [2, 3, 5]) expect(doubts(countShares('', names(n), drawn(n, 3000, seed)))).toEqual([]);
  });

  test('95 % intervals hold the expected share 95 times in a hundred', () => {
    let held = 0;
    for (let seed = 0; seed < 1000; seed++) {
      const { low, high, expected } = countShares('', names(3), drawn(3, 1000, seed)).shares[0]!;
      if (low <= expected && expected <= high) held++;
    }
    expect(held).toBeGreaterThan(930);
    expect(held).toBeLessThan(970);
  });

  test('served in turn have perfect shares, and far too many runs', () => {
    const shares = countShares('', names(3), inTurn(3, 3000));
    expect(shares.chiSquare.value).toBeLessThan(0.001);
    expect(shares.runs).toMatchObject({ count: 3000, longest: 1 });
    expect(doubts(shares)).toEqual(['3000 runs where independent choice gives 2001']);
  });

  test('that stick to the backend of the one before have too few', () => {
    const blocks = Array.from({ length: 3000 }, (_, i) => Math.floor(i / 10) % 3);
    expect(doubts(countShares('', names(3), blocks))).toEqual([expect.stringMatching(/^300 runs/)]);
  });

  test('shared out unevenly are found by share and by chi-square', () => {
    const shares = countShares(
      '',
      names(3),
      drawn(4, 3000).map(choice => Math.min(choice, 2)),
    );
    expect(doubts(shares)).toEqual(expect.arrayContaining([expect.stringMatching(/^web-1 took 2\d\.\d % of them and not 33\.3 %$/)]));
    expect(shares.chiSquare.p).toBeLessThan(1e-9);
  });

  test('that reached nobody are named', () => {
    const choices = drawn(3, 3000);
    choices[7] = -1;
    expect(doubts(countShares('', names(3), choices))).toEqual(['1 of 3000 connections reached no backend']);
    expect(doubts(countShares('', names(3), [-1, -1]))).toEqual(['2 of 2 connections reached no backend']);
  });

  test('the number of runs is that of the formula, by hand for six', () => {
    // aa b a cc: 4 runs; 3, 1 and 2 of 6: expected (6 * 7 - 9 - 1 - 4) / 6
    expect(countShares('', names(3), [0, 0, 1, 0, 2, 2]).runs).toMatchObject({ count: 4, longest: 2, expected: 28 / 6 });
  });
});
