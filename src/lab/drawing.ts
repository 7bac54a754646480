/**
 * The path of a packet and of its answer, drawn in text: hops from top to bottom, the request on the left going down, the answer on the
 * right going up. Where nothing is rewritten there is only a line.
 */
import type { ReportLine } from './report.ts';
import type { WalkStep } from './result.ts';

const cellOf = (step: WalkStep, before: WalkStep | undefined, arrow: string): { text: string; changed: boolean } => {
  const rewritten = before !== undefined && before.ends !== step.ends;
  const wrapped = before?.outer !== step.outer;
  const inside = before === undefined || rewritten ? step.ends : arrow;
  const text = step.outer === undefined ? inside : wrapped ? `[ ${arrow} in ${step.outer} ]` : `[ ${arrow} ]`;
  return { text: rewritten ? `${text} *` : text, changed: rewritten };
};

export function drawPath(walk: readonly WalkStep[], answer: readonly WalkStep[]): ReportLine[] {
  const down = walk.map((step, i) => cellOf(step, walk[i - 1], 'v'));
  const up = answer.map((step, i) => cellOf(step, answer[i - 1], '^')).reverse();
  const hopsUp = answer.map(step => step.hop).reverse();
  const mirrored = walk.length === answer.length && walk.every((step, i) => step.hop === hopsUp[i]);
  const lines = mirrored
    ? rows(
        walk.map(step => step.hop),
        [down, up],
      )
    : [
        ...rows(
          walk.map(step => step.hop),
          [down],
        ),
        ...(up.length === 0 ? [] : [{ text: '' }, ...rows(hopsUp, [up])]),
      ];
  const changed = [...down, ...up].some(cell => cell.changed);
  return changed ? [...lines, { text: '  * rewritten since the hop before; [ ] in an envelope', tone: 'quiet' }] : lines;
}

function rows(hops: readonly string[], columns: readonly { text: string; changed: boolean }[][]): ReportLine[] {
  const first = Math.max(...hops.map(hop => hop.length));
  const widths = columns.map(cells => Math.max(...cells.map(cell => cell.text.length)));
  return hops.map((hop, i) => {
    const cells = columns.map((column, c) => column[i]!.text.padEnd(widths[c]!));
    const changed = columns.some(column => column[i]!.changed);
    const text = `  ${hop.padEnd(first)}  | ${cells.join(' | ')}`.trimEnd();
    return changed ? { text, tone: 'changed' as const } : { text };
  });
}
