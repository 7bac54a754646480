/** A case at random. */
import type { Case } from '../case.ts';
import type { Chooser } from './choose.ts';
import { expiringTraffic } from './expiry.ts';
import { redirectedTraffic } from './redirects.ts';
import { randomRules } from './rules.ts';
import { randomSets } from './sets.ts';
import { randomTraffic } from './traffic.ts';

const STEPS = 100;

/** @param name for what is remembered by name in the kernel, so that nothing is left of an earlier case */
export function randomCase(c: Chooser, name: string): Case {
  const sets = c.oneIn(4) ? randomSets(c, name) : [];
  const rules = randomRules(c, name, sets);
  const traffic = c.oneIn(60) ? expiringTraffic : c.oneIn(30) ? redirectedTraffic : randomTraffic;
  const steps = traffic(c, STEPS);
  return sets.length > 0 ? { sets: sets.flatMap(s => s.lines), rules, steps } : { rules, steps };
}
