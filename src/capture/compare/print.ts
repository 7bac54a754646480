/** A comparison as `diff.txt` for people and `diff.json` for programs. */
import type { Comparison, Difference, DifferenceValue, HopCompared } from './result.ts';

export const DIFF_SCHEMA = 'kubehop-diff/1';

/** The first difference of each kind in full, its repetitions further on along the path in one line. */
export function diffText(comparisons: readonly Comparison[]): string {
  const out: string[] = [];
  for (const c of comparisons) {
    const { hops, flows, packets, fields } = c.compared;
    out.push(`${c.kind}: ${c.same ? 'same' : `${c.differences.length} differences`}`);
    out.push(`  compared: ${hops} hops, ${flows} flows, ${packets} packets, ${fields} fields`, ...hopLines(c.hops));
    let flow = '';
    for (const d of c.differences) {
      if (d.flow !== flow) out.push('', `  ${d.flow || 'the captures'}`);
      flow = d.flow;
      out.push(...differenceLines(d));
    }
    if (c.ignored.length > 0) out.push('', '  not compared (userspace, kernel):');
    for (const i of c.ignored) out.push(`    ${i.what} (${i.userspace}, ${i.kernel}): ${i.why}`);
    out.push('');
  }
  return out.join('\n');
}

/** Every hop along the way, and what differs there first. */
function hopLines(hops: readonly HopCompared[]): string[] {
  const width = Math.max(3, ...hops.map(({ hop }) => hop.length));
  const row = (hop: string, u: string, k: string, words: string): string =>
    `    ${hop.padEnd(width)}  ${u.padStart(9)}  ${k.padStart(6)}  ${words}`.trimEnd();
  const words = ({ same, first }: HopCompared): string =>
    same ? 'same' : `${first!.field}: userspace ${valueText(first!.userspace)}, kernel ${valueText(first!.kernel)}`;
  return [
    '',
    row('hop', 'userspace', 'kernel', 'frames, and the first difference'),
    ...hops.map(h => row(h.hop, String(h.userspace), String(h.kernel), words(h))),
  ];
}

function differenceLines(d: Difference): string[] {
  if (d.repeats !== undefined) return [`    ${d.hop}: ${d.field}: as at ${d.repeats}`];
  return [
    `    ${d.hop || '(no hop)'}: ${d.field}`,
    `      userspace: ${valueText(d.userspace)}`,
    `      kernel:    ${valueText(d.kernel)}`,
  ];
}

const valueText = (v: DifferenceValue): string => (v === null ? '(not there)' : v === '' ? '(empty)' : String(v));

export const diffJson = (comparisons: readonly Comparison[]): string =>
  `${JSON.stringify({ schema: DIFF_SCHEMA, same: comparisons.every(c => c.same), comparisons }, undefined, 2)}\n`;
