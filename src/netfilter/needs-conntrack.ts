/**
 * Does a rule set make the kernel track connections? A namespace starts with conntrack off; the first rule that asks for it, or a nat
 * table, turns it on (`nf_ct_netns_get`).
 */
import type { Match, Rule, RuleSet, Target } from './ruleset.ts';

const matches: ReadonlySet<Match['kind']> = new Set<Match['kind']>(['conntrack', 'state', 'connmark']);
const targets: ReadonlySet<Target['kind']> = new Set<Target['kind']>(['CT', 'CONNMARK']);

export function needsConntrack(ruleSet: RuleSet): boolean {
  for (const table of ruleSet.tables.values()) {
    if (table.name === 'nat') return true;
    for (const chain of table.chains.values()) if (chain.rules.some(asks)) return true;
  }
  return false;
}

const asks = (rule: Rule): boolean =>
  (rule.target !== undefined && targets.has(rule.target.kind)) || rule.matches.some(match => matches.has(match.kind));
