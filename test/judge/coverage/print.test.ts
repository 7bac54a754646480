import { expect, test } from 'vitest';
import { expected } from './expected.ts';
import { coverageLines, rarestFirst, tooSeldom } from './print.ts';

const enough = [...expected].map((item): [string, number] => [item, 30]);
const [first, second] = [...expected] as [string, string];

test('what is hit less than a hundred times in a million packets stands at the end, the rarest first, whatever the size of the run', () => {
  const hits = new Map(enough).set(first, 29).set(second, 3);
  const rates = rarestFirst([...hits], 300_000);
  expect(tooSeldom(rates).map(r => [r.item, r.inMillion])).toEqual([
    [second, 10],
    [first, 97],
  ]);
  expect(coverageLines(rates, 300_000).slice(-3)).toEqual([
    `${expected.size} items, ${expected.size} of them to be hit by any run; less than 100 times in a million packets: 2`,
    `       10 ${second} (3 of 300000)`,
    `       97 ${first} (29 of 300000)`,
  ]);
});

test('what is never hit is missed when it is expected; what nobody expected counts once it was hit', () => {
  const hits = [...enough.slice(1), ['match seldom --seen', 1]] as const;
  const seldom = tooSeldom(rarestFirst(hits, 300_000));
  expect(seldom.map(r => [r.item, r.times])).toEqual([
    [first, 0],
    ['match seldom --seen', 1],
  ]);
});

test('enough of each leaves nothing to be said', () => {
  const rates = rarestFirst(enough, 300_000);
  expect(tooSeldom(rates)).toEqual([]);
  expect(coverageLines(rates, 300_000).at(-1)).toMatch(/less than 100 times in a million packets: 0$/);
});
