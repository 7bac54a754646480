/** A comparison as `diff.txt` for people and `diff.json` for programs. */
import type { Comparison, Difference, DifferenceValue } from './result.ts';

export const DIFF_SCHEMA = 'kubehop-diff/1';

/** The first difference of each kind in full, its repetitions further on along the path in one line. */
export function diffText(comparisons: readonly Comparison[]): string {
  const out: string[] = [];
  for (const c of comparisons) {
    const { hops, flows, packets, fields } = c.compared;
    out.push(`${c.kind}: ${c.same ? 'same' : `${c.differences.length} differences`}`);
    out.push(`  compared: ${hops} hops, ${flows} flows, ${packets} packets, ${fields} fields`);
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
