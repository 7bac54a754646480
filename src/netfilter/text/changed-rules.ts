/** What lies between two versions of a chain, in time by what changed when that is one place: rules are known by themselves. */
import type { Rule } from '../ruleset.ts';

export interface ChangedRules {
  /** Rules that are not where they were; some may stand elsewhere in the chain. */
  readonly gone: readonly Rule[];
  /** Rules that the chain did not have. */
  readonly come: readonly Rule[];
}

export function changedRules(before: readonly Rule[], after: readonly Rule[]): ChangedRules {
  let low = 0;
  const shorter = Math.min(before.length, after.length);
  while (low < shorter && before[low] === after[low]) low++;
  let high = 0;
  while (high < shorter - low && before[before.length - 1 - high] === after[after.length - 1 - high]) high++;
  const gone = before.slice(low, before.length - high);
  const middle = after.slice(low, after.length - high);
  if (gone.length === 0) return { gone, come: middle };
  const stayed = new Set(gone);
  return { gone, come: middle.filter(rule => !stayed.has(rule)) };
}
