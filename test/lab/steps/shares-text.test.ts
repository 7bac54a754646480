import { describe, expect, test } from 'vitest';
import { countShares } from '../../../src/lab/steps/shares.ts';
import { sharesLines, sharesSvg } from '../../../src/lab/steps/shares-text.ts';

const shares = countShares('web <&>', ['a', 'bb'], [0, 1, 1, 0, 1, 0, 0, 0, 1, -1]);

describe('shares for people', () => {
  test('as text: what was sent, who took how much, and the order', () => {
    const [head, a, bb, chi, runs, first] = sharesLines(shares);
    expect(head).toBe('web <&>: 9 connections');
    expect(a).toBe('  a        5  55.6 %  95 %: 26.7 % to 81.1 %, expected 50.0 %');
    expect(bb).toBe('  bb       4  44.4 %  95 %: 18.9 % to 73.3 %, expected 50.0 %');
    expect(chi).toBe('  chi-square 0.11 with 1 degrees of freedom: chance gives that or more in 73.9 % of all runs');
    expect(runs).toMatch(
      /^ {2}6 runs of equal backends, 5 expected of chance \(\+0\.4 standard deviations\), 9 of round robin; the longest has 3$/,
    );
    expect(first).toBe('  the first 10: 1 2 2 1 2 1 1 1 2 -');
  });

  test('as a picture: every bar and mark inside it, and words escaped', () => {
    const svg = sharesSvg([shares, shares], 'a < b');
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('web &lt;&amp;>');
    const [, width, height] = /^<svg [^>]*width="(\d+)" height="(\d+)"/.exec(svg)!.map(Number);
    for (const [, x, y, w, h] of svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)) {
      expect(Number(x) + Number(w)).toBeLessThanOrEqual(width!);
      expect(Number(y) + Number(h)).toBeLessThanOrEqual(height!);
    }
    for (const [, x] of svg.matchAll(/[MH]([\d.]+)/g)) expect(Number(x)).toBeLessThanOrEqual(width!);
    expect(svg.match(/<svg|<\/svg>/g)).toHaveLength(2);
  });
});
