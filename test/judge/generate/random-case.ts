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
  const steps = traffic(c, STEPS, Number(name.replace(/\D/g, '')));
  return sets.length > 0 ? { sets: sets.flatMap(s => s.lines), rules, steps } : { rules, steps };
}

/**
 * Without what iptables-nft makes other rules of: it puts nft's own expressions in the place of ports and flags, which read of a header that
 * is cut short what is there, joins two `-m tcp` into one, and turns ranges of ports round that are negated.
 */
export function nftCase(c: Chooser, name: string): Case {
  const { rules, steps, ...rest } = randomCase(c, name);
  return {
    ...rest,
    rules: rules.filter(rule => rule.split('-m tcp ').length < 3 && !/! --[sd]port \d*:/.test(rule)),
    steps: steps.map(step => ('packet' in step && step.packet.fault === 'short' ? withoutFault(step) : step)),
  };
}

/** In the words of the coverage. */
export const untriedByNft = ['packet fault short'] as const;

function withoutFault<T extends { packet: { fault?: unknown } }>(step: T): T {
  const { fault: _, ...packet } = step.packet;
  return { ...step, packet };
}
