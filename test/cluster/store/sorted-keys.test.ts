import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedKeys } from '../../../src/cluster/store/sorted-keys.ts';

test('is a sorted set, whatever is put in and taken out', () => {
  const key = fc.integer({ min: 0, max: 3000 }).map(n => `k${n}`);
  const steps = fc.array(fc.record({ key, isAdd: fc.boolean() }), { maxLength: 3000, size: 'max' });
  fc.assert(
    fc.property(steps, key, key, (all, from, to) => {
      const keys = new SortedKeys();
      const model = new Set<string>();
      for (const { key: each, isAdd } of all) {
        if (isAdd) {
          keys.add(each);
          model.add(each);
        } else {
          keys.delete(each);
          model.delete(each);
        }
      }
      const sorted = [...model].sort((a, b) => (a < b ? -1 : 1));
      expect([...keys.range('')]).toEqual(sorted);
      expect(keys.size).toBe(sorted.length);
      const between = sorted.filter(each => each >= from && each < to);
      expect([...keys.range(from, to)]).toEqual(between);
      if (from <= to) expect(keys.count(from, to)).toBe(between.length);
    }),
    { numRuns: 30 },
  );
});
