/**
 * Does a rule set make the kernel track connections? A namespace starts with conntrack off; the first rule whose match or target asks
 * for it turns it on (`nf_ct_netns_get` in their checkentry). A nat table without such a rule does not.
 */
import type { Match, Rule, RuleSet, Target } from './ruleset.ts';

const matches: ReadonlySet<Match['kind']> = new Set<Match['kind']>(['conntrack', 'state', 'connmark']);
const targets: ReadonlySet<Target['kind']> = new Set<Target['kind']>([
  'CT',
  'CONNMARK',
  'DNAT',
  'SNAT',
  'MASQUERADE',
  'REDIRECT',
  'NETMAP',
]);

export function needsConntrack(ruleSet: RuleSet): boolean {
  for (const table of ruleSet.tables.values()) {
    for (const chain of table.chains.values()) if (chain.rules.some(asks)) return true;
  }
  return false;
}

const asks = (rule: Rule): boolean =>
  (rule.target !== undefined && targets.has(rule.target.kind)) || rule.matches.some(match => matches.has(match.kind));
