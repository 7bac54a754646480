/** What a run has hit, as a table, and what it has hit too seldom. */
import { expected } from './expected.ts';

/** In a million packets. */
const ENOUGH = 100;
const MILLION = 1_000_000;
const COLUMNS = 3;
const WIDTH = 58;

/** @param sent packets of the run. @returns lines */
export function coverageLines(hits: readonly (readonly [item: string, times: number])[], sent: number): string[] {
  const times = new Map(hits);
  const items = [...new Set([...expected, ...times.keys()])].toSorted();
  const lines = [`how often each was hit by ${sent} packets:`];
  for (const section of new Set(items.map(sectionOf))) {
    const its = items.filter(item => sectionOf(item) === section);
    lines.push(`${section}:`);
    const cells = its.map(item => `${String(times.get(item) ?? 0).padStart(9)} ${item.slice(section.length + 1)}`.padEnd(WIDTH));
    const height = Math.ceil(cells.length / COLUMNS);
    for (let row = 0; row < height; row++)
      lines.push(
        Array.from({ length: COLUMNS }, (_, column) => cells[column * height + row] ?? '')
          .join('')
          .trimEnd(),
      );
  }
  const never = [...expected].filter(item => !times.has(item));
  const seldom = [...expected].filter(item => times.has(item) && (times.get(item)! * MILLION) / sent < ENOUGH);
  lines.push(`${expected.size} are to be hit; never: ${never.length}${list(never)}`);
  lines.push(`less than ${ENOUGH} times in a million packets: ${seldom.length}${list(seldom)}`);
  return lines;
}

const sectionOf = (item: string): string => item.slice(0, item.indexOf(' '));
const list = (items: readonly string[]): string => items.map(item => `\n    ${item}`).join('');
