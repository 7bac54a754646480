import { expect, test } from 'vitest';
import { gatherClaims } from '../../../src/lab/steps/claims.ts';

const well = (text: string) => ({ at: 'pod-a', text, ok: true });
const ill = (text: string) => ({ at: 'node1', text, ok: false, saw: 'nothing', hint: 'look' });

test('a claim is one check in the place of its own, and tells the first that does not hold', () => {
  const checks = [well('a'), well('b'), ill('c'), ill('d'), well('e'), well('f')];
  const claims = [
    { what: 'first', from: 1, end: 4 },
    { what: 'second', from: 5, end: 6 },
  ];
  expect(gatherClaims(checks, claims)).toEqual([
    well('a'),
    { at: 'node1', text: 'first', ok: false, saw: 'nothing\n      where this was expected: c', hint: 'look' },
    well('e'),
    { at: 'pod-a', text: 'second', ok: true },
  ]);
});
