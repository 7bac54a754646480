/** Both outcomes of a case, in two columns. */
import { tell } from '../router/frames.ts';
import type { Case } from './case.ts';
import type { Verdict } from './judge.ts';
import type { Output } from './wires.ts';

const WIDTH = 78;

export function sideBySide(c: Case, { difference, kernel, userspace }: Verdict): string[] {
  const lines = [...c.rules, '', row('kernel', 'router', ' ')];
  for (const [i, step] of c.steps.entries()) {
    lines.push(`step ${i}: ${JSON.stringify(step)}`);
    const [k, u] = [kernel, userspace].map(played => [
      ...(played.frames[i] ? [`> ${played.links[i]}: ${tell(played.frames[i]!)}`] : []),
      ...told(played.outputs[i]!),
    ]) as [string[], string[]];
    const mark = difference?.where === `step ${i}` ? '#' : ' ';
    for (let n = 0; n < Math.max(k.length, u.length); n++) lines.push(row(k[n] ?? '', u[n] ?? '', n === 0 && k[n] === u[n] ? ' ' : mark));
  }
  if (!difference) return [...lines, 'no difference'];
  const { where, field, kernel: k, userspace: u } = difference;
  return [...lines, `${where}, ${field}`, `    kernel:    ${k}`, `    userspace: ${u}`];
}

/** What came out, link by link; of one link in its order. */
const told = (outputs: readonly Output[]): string[] =>
  outputs.length === 0
    ? ['< nothing']
    : outputs.toSorted((a, b) => (a.link < b.link ? -1 : a.link > b.link ? 1 : 0)).map(o => `< ${o.link}: ${tell(o.frame)}`);

const row = (left: string, right: string, mark: string): string => ` ${mark} ${left.padEnd(WIDTH)} | ${right}`.trimEnd();
