/**
 * A choice among backends, as kube-proxy writes it: rules in a row with `-m statistic`, each taking its part of what the ones before
 * let through, then one without that takes the rest.
 */
import { LabError } from '../base/errors.ts';
import type { Chain, Match, Rule } from '../netfilter/ruleset.ts';
import { printTarget } from '../netfilter/text/rule-printer.ts';
import type { Backend } from './story.ts';

type Statistic = Extract<Match, { kind: 'statistic' }>;

export interface Cascade {
  readonly kind: 'random' | 'by turns';
  readonly backends: readonly Backend[];
  /** Index in the chain of the first rule. */
  readonly first: number;
  /** Rules with `-m statistic`; the last backend is what stands behind them. */
  readonly rules: number;
}

export const statisticOf = (rule: Rule): Statistic | undefined => rule.matches.find(m => m.kind === 'statistic');

/** The part of what comes to it that a rule takes, 0 to 1. */
function shareOf(s: Statistic): number {
  const share = s.mode === 'random' ? s.threshold / 0x8000_0000 : 1 / s.every;
  return s.not ? 1 - share : share;
}

/** The choice that rule `index` of a chain, which has a statistic, belongs to. */
export function cascadeAt(chain: Chain, index: number): Cascade {
  let first = index;
  while (first > 0 && statisticOf(chain.rules[first - 1]!)) first--;
  const backends: Backend[] = [];
  let left = 1;
  let at = first;
  for (let s = statisticOf(chain.rules[at]!); s; s = chain.rules[at] && statisticOf(chain.rules[at]!)) {
    const share = left * shareOf(s);
    backends.push({ number: backends.length + 1, share, to: leadsTo(chain.rules[at]!) });
    left -= share;
    at++;
  }
  const rules = at - first;
  const rest = chain.rules[at];
  // Who comes last takes what is left, if he asks for nothing of his own.
  const takesRest = rest !== undefined && rest.target !== undefined && asksNothing(rest, chain.rules[at - 1]!);
  if (left > 1e-9 || takesRest)
    backends.push({ number: backends.length + 1, share: Math.max(left, 0), to: takesRest ? leadsTo(rest) : 'the rules behind' });
  const random = statisticOf(chain.rules[first]!)!.mode === 'random';
  return { kind: random ? 'random' : 'by turns', backends, first, rules };
}

/** Asks the rule for no more than the one before it does, chance aside? */
function asksNothing(rule: Rule, before: Rule): boolean {
  const own = rule.matches.filter(m => m.kind !== 'comment' && m.kind !== 'statistic');
  const known = new Set(before.matches.map(m => JSON.stringify(m)));
  const head = (r: Rule) => JSON.stringify([r.source, r.destination, r.inInterface, r.outInterface, r.protocol, r.fragment]);
  const headless = head(rule) === JSON.stringify([null, null, null, null, null, null]);
  return own.every(m => known.has(JSON.stringify(m))) && (headless || head(rule) === head(before));
}

function leadsTo({ target }: Rule): string {
  if (!target) return 'the rule counts, and the packet goes on';
  return target.kind === 'jump' || target.kind === 'goto' ? target.chain : printTarget(target).trim().replace(/^-j /, '');
}

/** @throws LabError BAD_INPUT when there is no n-th backend */
export function forced(cascade: Cascade, n: number, chain: string): number {
  const count = cascade.backends.length;
  if (n > count) throw new LabError('BAD_INPUT', `--choose ${n}: ${chain} chooses among ${count}`);
  return n;
}
