import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VersionedMap } from '../../src/base/versioned-map.ts';

type Change = readonly [string, number | undefined];
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const change: fc.Arbitrary<Change> = fc.tuple(key, fc.option(fc.integer(), { nil: undefined }));

/** The same on a plain map. */
function changed(map: ReadonlyMap<string, number>, changes: readonly Change[]): Map<string, number> {
  const copy = new Map(map);
  for (const [k, v] of changes) {
    if (v === undefined) copy.delete(k);
    else copy.set(k, v);
  }
  return copy;
}
const sorted = (map: ReadonlyMap<string, number>): [string, number][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('a versioned map', () => {
  test('keeps every version, whichever is asked and whichever is changed', () => {
    const step = fc.record({ from: fc.nat(), changes: fc.array(change, { maxLength: 4 }), ask: fc.array(fc.nat(), { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        const first = new Map([['a', 0]]);
        const versions = [VersionedMap.of(first)];
        const plain: ReadonlyMap<string, number>[] = [first];
        for (const { from, changes, ask } of steps) {
          const at = from % versions.length;
          versions.push(versions[at]!.with(changes));
          plain.push(changed(plain[at]!, changes));
          for (const i of ask) expect(sorted(versions[i % versions.length]!)).toEqual(sorted(plain[i % versions.length]!));
        }
        for (const [i, version] of versions.entries()) {
          expect(sorted(version)).toEqual(sorted(plain[i]!));
          expect(version.size).toBe(plain[i]!.size);
        }
      }),
    );
  });

  test('says what lies between two versions', () => {
    const steps = fc.array(fc.array(change, { maxLength: 4 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(steps, fc.nat(), fc.nat(), (all, i, j) => {
        const versions = [VersionedMap.of(new Map([['a', 0]]))];
        for (const changes of all) versions.push(versions.at(-1)!.with(changes));
        const before = versions[i % versions.length]!;
        const after = versions[j % versions.length]!;
        const between = before.changesTo(after)!;
        for (const k of 'abcde') {
          expect(between.has(k)).toBe(before.get(k) !== after.get(k));
          if (between.has(k)) expect(between.get(k)).toBe(before.get(k));
        }
      }),
    );
  });

  test('knows a stranger', () => {
    const a = VersionedMap.of(new Map([['a', 1]]));
    expect(a.changesTo(VersionedMap.of(new Map([['a', 1]])))).toBeUndefined();
    expect(a.changesTo(new Map([['a', 1]]))).toBeUndefined();
    expect(VersionedMap.of(a)).toBe(a);
  });
});
