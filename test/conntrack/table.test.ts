import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { ENTRY, KEY, LINK } from '../../src/conntrack/layout.ts';
import { Table } from '../../src/conntrack/table.ts';

/** Writes an entry with this number as both its tuples, so that a handle can be told from its tuple. */
function fill(t: Table, i: number, n: number): void {
  const b = i * ENTRY;
  t.words.set([n, 1, 2, n, 3, 4, 17], b);
  expect(t.words[b + KEY]).toBe(17);
}
const find = (t: Table, n: number, dir: number): number => {
  const [dst, ports] = dir === 0 ? [1, 2] : [3, 4];
  return t.find(n, dst, ports, 17, t.hash(n, dst, ports, 17));
};

describe('table', () => {
  test('finds each direction of what was inserted, and nothing after it was removed: as a map does', () => {
    const command = fc.record({ n: fc.integer({ min: 0, max: 60 }), add: fc.boolean() });
    fc.assert(
      fc.property(fc.integer(), fc.array(command, { maxLength: 300 }), (seed, commands) => {
        // Capacity 8 has four lines of 15 slots: they fill up and spill over.
        const t = new Table(24, new SeededRandom(seed));
        const model = new Map<number, number>();
        for (const { n, add } of commands) {
          const known = model.get(n);
          if (add && known === undefined) {
            const i = t.allocate();
            if (i < 0) {
              expect(model.size).toBe(24);
              continue;
            }
            fill(t, i, n);
            expect(t.insert(i << 1, t.hashOf(i << 1))).toBe(true);
            expect(t.insert((i << 1) | 1, t.hashOf((i << 1) | 1))).toBe(true);
            model.set(n, i);
          } else if (!add && known !== undefined) {
            t.remove(known << 1, t.hashOf(known << 1));
            t.remove((known << 1) | 1, t.hashOf((known << 1) | 1));
            t.free(known);
            model.delete(n);
          }
        }
        expect(t.count).toBe(model.size);
        for (let n = 0; n <= 60; n++) {
          const i = model.get(n);
          expect([find(t, n, 0), find(t, n, 1)]).toEqual(i === undefined ? [-1, -1] : [i << 1, (i << 1) | 1]);
        }
      }),
    );
  });

  test('tells where the same tuple stands again in another zone', () => {
    const t = new Table(8, new SeededRandom(1));
    const zone1 = 17 | (1 << 8) | (1 << 24); // zone 1, original direction
    const a = t.allocate();
    const b = t.allocate();
    t.words.set([9, 1, 2, 9, 3, 4, 17], a * ENTRY);
    t.words.set([9, 1, 2, 9, 3, 4, zone1], b * ENTRY);
    for (const h of [a << 1, b << 1]) t.insert(h, t.hashOf(h));
    expect(t.find(9, 1, 2, 17, t.hash(9, 1, 2, 17))).toBe(a << 1);
    expect(t.find(9, 1, 2, zone1, t.hash(9, 1, 2, 17 | (1 << 8)))).toBe(b << 1);
  });

  test('gives a cleared entry back, and none past its size', () => {
    const t = new Table(2, new SeededRandom(1));
    expect([t.allocate(), t.allocate(), t.allocate()]).toEqual([0, 1, -1]);
    t.words[ENTRY + 7] = 8;
    t.free(1);
    expect(t.words[ENTRY + LINK]).toBe(-1);
    expect(t.allocate()).toBe(1);
    expect(t.words[ENTRY + 7]).toBe(0);
  });

  test('takes at most 128 bytes per entry, its share of the hash included', () => {
    expect(new Table(100_000, new SeededRandom(1)).bytes / 100_000).toBeLessThanOrEqual(120); // and 8 of the list by source
  });

  test('spreads tuples that differ in one port over all lines', () => {
    const t = new Table(4096, new SeededRandom(3));
    const lines = new Map<number, number>();
    for (let port = 0; port < 8192; port++) {
      const line = t.lineOf(t.hash(1, 2, port, 6));
      lines.set(line, (lines.get(line) ?? 0) + 1);
    }
    expect(lines.size).toBeGreaterThan(1000);
    expect(Math.max(...lines.values())).toBeLessThan(30);
  });
});
