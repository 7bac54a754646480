import { describe, expect, test } from 'vitest';
import { curve, isCurve } from '../../src/bench/report/curve.ts';
import { type BenchResult, rowResult } from '../../src/bench/result.ts';

const machine = { cpu: 'a <fast> one', cores: 2, kernel: '6.18', node: 'v24', commit: null } as BenchResult['machine'];
const result = (rows: BenchResult['rows']): BenchResult => ({ machine, options: { rounds: 1, quick: false }, seconds: 1, rows });
const of = (id: 'k.10' | 'k.100' | 'k.1000', router: number, kernelNft: number) =>
  rowResult(id, { router: [router], kernelNft: [kernelNft] });

describe('the curve of row k', () => {
  const drawn = curve(result([of('k.10', 4, 6), of('k.100', 4, 8), of('k.1000', 4, 25)]));
  const lines = [...drawn.matchAll(/<polyline points="([^"]+)"/g)].map(([, points]) =>
    points!.split(' ').map(p => p.split(',').map(Number)),
  );

  test('has a line for each plane that was measured, and a point for each number of Services', () => {
    expect(lines.map(points => points.length)).toEqual([3, 3]);
    expect(drawn).toContain('iptables-nft');
    expect(drawn).not.toContain('iptables-legacy');
  });
  test('is level where the cost stays, and rises where it grows', () => {
    const [router, kernel] = lines;
    expect(new Set(router!.map(([, y]) => y)).size).toBe(1);
    expect(kernel!.map(([, y]) => y)).toEqual(kernel!.map(([, y]) => y).toSorted((a, b) => b! - a!));
    expect(kernel![2]![1]).toBeLessThan(kernel![0]![1]!);
    // Ten times the Services are one step to the right.
    const [a, b, c] = router!.map(([x]) => x!);
    expect(Math.abs(b! - a! - (c! - b!))).toBeLessThanOrEqual(1);
  });
  test('escapes what stands in it', () => {
    expect(drawn).toContain('a &lt;fast&gt; one');
  });
});

test('is drawn where nothing but row k was asked for', () => {
  expect(isCurve(result([of('k.10', 4, 6), of('k.100', 4, 8)]))).toBe(true);
  expect(isCurve(result([of('k.10', 4, 6)]))).toBe(false);
  expect(isCurve(result([of('k.10', 4, 6), rowResult('d', { router: [1] })]))).toBe(false);
});
