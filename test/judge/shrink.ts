/** A difference reduced: steps and rules are left out as long as both sides still differ. */
import type { Case, Step } from './case.ts';
import type { Verdict } from './judge.ts';

/** Looking for a smaller one ends after this; where each try waits, later. */
const LONGEST_MS = 20_000;
const LONGEST_WAITING_MS = 90_000;

/**
 * @param play plays a case
 * @param field of the difference: another one that shows on the way is another story
 * @returns the smallest case found, and whether time ran out
 */
export async function shrink(c: Case, field: string, play: (c: Case) => Promise<Verdict>): Promise<{ small: Case; late: boolean }> {
  const end = performance.now() + (c.steps.some(s => s.kind === 'wait') ? LONGEST_WAITING_MS : LONGEST_MS);
  const late = () => performance.now() > end;
  const differs = async (smaller: Case): Promise<boolean> => !late() && (await play(smaller)).difference?.field === field;
  let best = c;
  for (let again = true; again && !late(); ) {
    again = false;
    for (let size = Math.max(1, best.steps.length >> 1); size >= 1; size = size === 1 ? 0 : size >> 1) {
      for (let at = best.steps.length - size; at >= 0; at -= size) {
        const smaller = { ...best, steps: without(best.steps, at, size) };
        if (smaller.steps.length > 0 && (await differs(smaller))) {
          best = smaller;
          again = true;
        }
      }
    }
    for (let at = best.rules.length - 1; at >= 0; at--) {
      if (!best.rules[at]!.startsWith('-A') || /-p 253/.test(best.rules[at]!)) continue;
      const smaller = { ...best, rules: best.rules.toSpliced(at, 1) };
      if (await differs(smaller)) {
        best = smaller;
        again = true;
      }
    }
  }
  return { small: best, late: late() };
}

/** Steps refer to others by number: the numbers follow, and who referred to one that is gone goes too. */
function without(steps: readonly Step[], at: number, size: number): Step[] {
  const gone = new Set<number>();
  for (let i = at; i < at + size; i++) gone.add(i);
  for (const [i, s] of steps.entries()) {
    const to = s.kind === 'answer' ? s.to : s.kind === 'error' ? s.about : -1;
    if (gone.has(to)) gone.add(i);
  }
  const place = new Map<number, number>();
  const kept: Step[] = [];
  for (const [i, s] of steps.entries()) {
    if (gone.has(i)) continue;
    place.set(i, kept.length);
    if (s.kind === 'answer') kept.push({ ...s, to: place.get(s.to)! });
    else if (s.kind === 'error') kept.push({ ...s, about: place.get(s.about)! });
    else kept.push(s);
  }
  return kept;
}
