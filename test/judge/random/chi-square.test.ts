import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { goodnessOfFit, homogeneity, upperTail } from './chi-square.ts';

describe('the chi-square test', () => {
  test('has the tail of the distribution', () => {
    // Tables of the distribution: the 5 % and 0.1 % points.
    for (const [
      x,
      freedom,
      p,
    ] of [[3.841, 1, 0.05], [10.828, 1, 0.001], [5.991, 2, 0.05], [18.307, 10, 0.05], [124.342, 100, 0.05], [149.449, 100, 0.001]] as const) // biome-ignore format: a table
      expect(upperTail(x, freedom)).toBeCloseTo(p, 4);
    expect(upperTail(10, 2)).toBeCloseTo(Math.exp(-5), 12);
  });
  test('takes what is drawn as it should be, and refuses 0.33 for 0.5', () => {
    const random = new SeededRandom(7);
    const draw = (p: number): number[] => {
      const counts = [0, 0];
      for (let n = 0; n < 3000; n++) counts[random.u32() / 2 ** 32 < p ? 1 : 0]!++;
      return counts;
    };
    for (let n = 0; n < 200; n++) expect(goodnessOfFit(draw(0.5), [0.5, 0.5]).chance).toBeGreaterThan(1e-6);
    for (let n = 0; n < 200; n++) expect(goodnessOfFit(draw(0.33), [0.5, 0.5]).chance).toBeLessThan(1e-20);
    for (let n = 0; n < 200; n++) expect(homogeneity(draw(0.5), draw(0.5)).chance).toBeGreaterThan(1e-6);
    for (let n = 0; n < 200; n++) expect(homogeneity(draw(0.5), draw(0.33)).chance).toBeLessThan(1e-10);
  });
  test('finds impossible what has no chance', () => {
    expect(goodnessOfFit([50, 50, 1], [0.5, 0.5, 0]).chance).toBe(0);
  });
});
