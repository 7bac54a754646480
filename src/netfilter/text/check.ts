/** `kubehop rules check FILE`: reads a file of rules and prints it as iptables-save would. */
import { type ReadOptions, readRuleSet } from './read.ts';
import { writeRuleSet } from './write.ts';

export interface Checked {
  /** The rules in canonical form. */
  readonly text: string;
  readonly warnings: readonly string[];
  readonly tables: number;
  readonly chains: number;
  readonly rules: number;
}

/** @throws TextError RULES or RULES_UNSUPPORTED */
export function checkRules(text: string, options: ReadOptions = {}): Checked {
  const { ruleSet, warnings } = readRuleSet(text, options);
  const tables = [...ruleSet.tables.values()];
  const chains = tables.flatMap(t => [...t.chains.values()]);
  return {
    text: writeRuleSet(ruleSet, { counters: options.counters === true }),
    warnings,
    tables: tables.length,
    chains: chains.length,
    rules: chains.reduce((sum, c) => sum + c.rules.length, 0),
  };
}
