/**
 * Rules that name one list of `recent` with different masks: the list has that of the rule which the kernel looks at first
 * (`recent_mt_check`, `net/netfilter/xt_recent.c`). A table's blob holds its built-in chains in the order of their hooks, and behind them
 * the others by name, as libiptc sorts them.
 */
import { hookNames } from '../../../packet/verdict.ts';
import { type Chain, type RuleSet, tableNames } from '../../ruleset.ts';

/** @returns undefined for a list that no rule names */
export function firstMask(ruleSet: RuleSet, list: string): number | undefined {
  for (const name of tableNames) {
    const chains = [...(ruleSet.tables.get(name)?.chains.values() ?? [])].toSorted(inBlob);
    for (const { rules } of chains) {
      for (const rule of rules) {
        for (const m of rule.matches) if (m.kind === 'recent' && m.name === list) return m.mask;
      }
    }
  }
  return undefined;
}

const hookOf = (chain: Chain): number => {
  const hook = chain.policy === undefined ? -1 : (hookNames as readonly string[]).indexOf(chain.name);
  return hook < 0 ? hookNames.length : hook;
};
const inBlob = (a: Chain, b: Chain): number => hookOf(a) - hookOf(b) || (a.name < b.name ? -1 : 1);
