import { describe, expect, test } from 'vitest';
import { measures, rowLetters, unknownRows, wanted } from '../../src/bench/measures.ts';
import { figure, targetText } from '../../src/bench/report/figure.ts';
import { plot } from '../../src/bench/report/plot.ts';
import { markdown, tableLines } from '../../src/bench/report/table.ts';
import { type BenchResult, rowResult } from '../../src/bench/result.ts';
import { longestGap } from '../../src/bench/rows/h-rule-change.ts';
import { rows } from '../../src/bench/rows/rows.ts';

const result = (...results: BenchResult['rows'][number][]): BenchResult => ({
  machine: {
    cpu: 'a processor <of 2>',
    cores: 2,
    kernel: '6.18',
    node: 'v24',
    commit: 'abc1234',
    mtu: '1500',
    offloads: 'on',
    loadGenerator: 'a sender',
    loadBefore: [0, 0, 0],
    conntrackMax: 262_144,
  },
  options: { rounds: 3, quick: false },
  seconds: 12,
  rows: results,
});

describe('measures', () => {
  test('have one name each, and every letter has its row', () => {
    expect(new Set(measures.map(m => m.id)).size).toBe(measures.length);
    expect(rowLetters).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k']);
    expect(Object.keys(rows)).toEqual(rowLetters);
  });

  test('have an aim that is no easier than the floor', () => {
    for (const m of measures) {
      if (!('target' in m)) continue;
      const { sense, floor, aim } = m.target;
      expect(sense === 'at least' ? aim >= floor : aim <= floor, m.id).toBe(true);
    }
  });

  test('are chosen by letter, by stem or by name', () => {
    expect(wanted('a.tap.1', [])).toBe(true);
    expect(wanted('a.tap.1', ['a'])).toBe(true);
    expect(wanted('a.tap.1', ['a.tap'])).toBe(true);
    expect(wanted('a.tap.1', ['a.1', 'b'])).toBe(false);
    expect(wanted('a.1000', ['a.1'])).toBe(false);
    expect(unknownRows(['a', 'a.tap', 'z', 'a.t'])).toEqual(['z', 'a.t']);
  });
});

describe('a row', () => {
  test('compares the router with iptables-nft, and meets floor and aim by that', () => {
    const row = rowResult('a.1', { router: [120, 118, 122], kernelNft: [100, 100, 100], kernelLegacy: [90, 90, 90] });
    expect(row).toMatchObject({
      router: 120,
      kernelNft: 100,
      kernelLegacy: 90,
      kernelNftMaps: null,
      ovs: null,
      ratio: 1.2,
      met: true,
      aimMet: false,
    });
    expect(row.spread.router).toBeCloseTo(4 / 120);
  });

  test('has to be below the bound where less is better', () => {
    expect(rowResult('e.p50', { router: [60], kernelNft: [50] })).toMatchObject({ ratio: 1.2, met: true, aimMet: true });
    expect(rowResult('e.p50', { router: [80], kernelNft: [50] })).toMatchObject({ met: false, aimMet: false });
  });

  test('may be judged by its own figure alone', () => {
    expect(rowResult('g.bytes', { router: [124], kernelNft: [256] })).toMatchObject({ met: true, aimMet: false });
    expect(rowResult('i.user', { router: [0.2] })).toMatchObject({ ratio: null, met: true, aimMet: true });
  });

  test('meets nothing when it does not beat Open vSwitch by its factor', () => {
    expect(rowResult('a.1', { router: [200], kernelNft: [100], ovs: [90] })).toMatchObject({ met: true, aimMet: true });
    expect(rowResult('a.1', { router: [200], kernelNft: [100], ovs: [110] })).toMatchObject({ met: false, aimMet: false });
  });

  test('says nothing of what was not measured or has no target', () => {
    expect(rowResult('c.10000', { router: [2], kernelNft: [1] })).toMatchObject({ ratio: 2, target: null, met: null, aimMet: null });
    expect(rowResult('a.1', { router: [2] })).toMatchObject({ ratio: null, met: null, aimMet: null });
  });
});

describe('the table', () => {
  const shown = result(
    rowResult('a.1', { router: [440_000, 450_000, 460_000], kernelNft: [350_000, 350_000, 350_000] }, ['a note']),
    rowResult('e.p50', { router: [80], kernelNft: [50] }),
  );

  test('has a line per row, with figures, ratio, target and verdict, and no column that is empty', () => {
    const lines = tableLines(shown);
    const head = lines.find(line => line.startsWith('row '))!;
    expect(head).toMatch(/router +iptables-nft +ratio +floor \/ aim +met$/);
    expect(head).not.toContain('Open vSwitch');
    expect(lines.find(line => line.startsWith('a.1 '))).toMatch(/packets\/s +450 k ±2% +350 k +1\.29 +≥ 1\.1 \/ 1\.25 +aim$/);
    expect(lines.find(line => line.startsWith('e.p50'))).toMatch(/1\.60 +≤ 1\.5 \/ 1\.2 +NO$/);
    expect(lines.at(-1)).toBe('a.1: a note');
  });

  test('as Markdown has as many cells in each line', () => {
    const counts = markdown(shown)
      .split('\n')
      .map(line => line.split('|').length);
    expect(new Set(counts).size).toBe(1);
    expect(counts).toHaveLength(4);
  });

  test('prints figures with three digits that count', () => {
    expect([0, 0.0456, 0.456, 4.56, 45.6, 456, 4560, 45_600, 4_560_000].map(figure)).toEqual([
      '0',
      '0.046',
      '0.46',
      '4.56',
      '45.6',
      '456',
      '4560',
      '45.6 k',
      '4.56 M',
    ]);
    expect(targetText({ of: 'value', sense: 'at most', floor: 20, aim: 5 })).toBe('≤ 20 / 5');
  });
});

describe('the plot', () => {
  test('is an SVG with a bar for each row that has a ratio, and words made safe', () => {
    const svg = plot(result(rowResult('a.1', { router: [2], kernelNft: [1] }), rowResult('i.user', { router: [0.2] })));
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).toContain('>a.1  64-byte UDP');
    expect(svg).not.toContain('i.user');
    expect(svg).toContain('a processor &lt;of 2&gt;');
  });

  test('a ratio below one grows to the left of the line, one above to the right', () => {
    const bar = (router: number) =>
      /<rect x="(\d+)" y="77" width="(\d+)"/.exec(plot(result(rowResult('a.1', { router: [router], kernelNft: [1] }))))!;
    const [slow, fast] = [bar(0.5), bar(2)];
    expect(Number(slow[1]) + Number(slow[2])).toBe(Number(fast[1]));
    expect(Math.abs(Number(slow[2]) - Number(fast[2]))).toBeLessThanOrEqual(1); // whole pixels
  });
});

describe('the longest gap', () => {
  const times = Float64Array.of(0, 1, 2, 10, 11, 30);
  test('is that between two packets that follow each other', () => {
    expect(longestGap(times, 0, 12)).toBe(19);
    expect(longestGap(times, 0, 11)).toBe(8);
  });
  test('counts when it begins before and ends after the moment that is asked for', () => {
    expect(longestGap(times, 5, 100)).toBe(19);
    expect(longestGap(times, 0, 5)).toBe(8);
    expect(longestGap(Float64Array.of(1), 0, 5)).toBe(0);
  });
});
