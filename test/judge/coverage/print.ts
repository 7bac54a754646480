/** What a run has hit, as a table, and what it has hit too seldom. */
import { expected } from './expected.ts';

/** In a million packets. */
const ENOUGH = 100;
const MILLION = 1_000_000;
const COLUMNS = 3;
const WIDTH = 58;

type Hits = readonly (readonly [item: string, times: number])[];
export interface Rate {
  item: string;
  times: number;
  /** Times in so many packets. */
  inMillion: number;
}

/** @param rates rarest first. @param sent packets of the run. @returns lines: the table, and behind it what was hit too seldom */
export function coverageLines(rates: readonly Rate[], sent: number): string[] {
  const lines = [`how often each was hit by ${sent} packets:`];
  const items = rates.toSorted((a, b) => (a.item < b.item ? -1 : 1));
  for (const section of new Set(items.map(r => sectionOf(r.item)))) {
    const its = items.filter(r => sectionOf(r.item) === section);
    lines.push(`${section}:`);
    const cells = its.map(({ item, times }) => `${String(times).padStart(9)} ${item.slice(section.length + 1)}`.padEnd(WIDTH));
    const height = Math.ceil(cells.length / COLUMNS);
    for (let row = 0; row < height; row++)
      lines.push(
        Array.from({ length: COLUMNS }, (_, column) => cells[column * height + row] ?? '')
          .join('')
          .trimEnd(),
      );
  }
  const seldom = tooSeldom(rates);
  lines.push(
    `${rates.length} items, ${expected.size} of them to be hit by any run; less than ${ENOUGH} times in a million packets: ${seldom.length}`,
  );
  for (const { item, times, inMillion } of seldom) lines.push(`${String(inMillion).padStart(9)} ${item} (${times} of ${sent})`);
  return lines;
}

/**
 * All that is to be hit, and whatever else was.
 *
 * @param untried items that the cases of this run have not
 */
export function rarestFirst(hits: Hits, sent: number, untried: readonly string[] = []): Rate[] {
  const times = new Map(hits);
  return [...new Set([...expected, ...times.keys()])]
    .filter(item => !untried.includes(item))
    .map(item => ({ item, times: times.get(item) ?? 0, inMillion: sent === 0 ? 0 : Math.round(((times.get(item) ?? 0) * MILLION) / sent) }))
    .toSorted((a, b) => a.times - b.times);
}

export const tooSeldom = (rates: readonly Rate[]): Rate[] => rates.filter(r => r.inMillion < ENOUGH);

const sectionOf = (item: string): string => item.slice(0, item.indexOf(' '));
