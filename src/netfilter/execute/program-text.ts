/** The cold side of a program: which counter belongs to which rule of which chain. */
import type { Chain, Counters, Rule, RuleSet, Table, TableName } from '../ruleset.ts';
import { type Program, RULE_BYTES, RULE_PACKETS } from './program.ts';

export interface ChainText {
  readonly table: TableName;
  readonly chain: Chain;
  /** Counter of the first rule; the others follow, then the one of the chain's end (End or policy). */
  readonly first: number;
}

/** A counter in words. `rule` is undefined for the end of a chain; `number` counts from 1 as `iptables -L --line-numbers` does. */
export interface RuleText {
  readonly table: TableName;
  readonly chain: string;
  readonly number: number;
  readonly rule: Rule | undefined;
}

export class ProgramText {
  readonly programId: number;
  readonly ruleSet: RuleSet;
  readonly chains: readonly ChainText[];
  /** What a person should know: rules that are kept and never match, and the like. */
  readonly warnings: readonly string[];
  readonly #counters: Float64Array;
  readonly #places: Int32Array;
  readonly #objects: readonly string[];
  readonly #firstObject: number;

  constructor(program: Program, ruleSet: RuleSet, chains: readonly ChainText[], warnings: readonly string[]) {
    this.programId = program.id;
    this.ruleSet = ruleSet;
    this.chains = chains;
    this.warnings = warnings;
    this.#counters = program.counters;
    this.#places = program.places;
    this.#objects = program.objects;
    this.#firstObject = program.firstObject;
  }

  of(counter: number): RuleText {
    let low = 0;
    let high = this.chains.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.chains[middle]!.first <= counter) low = middle;
      else high = middle - 1;
    }
    const { table, chain, first } = this.chains[low]!;
    return { table, chain: chain.name, number: counter - first + 1, rule: chain.rules[counter - first] };
  }

  /** What the node's thread has counted so far. */
  counters(counter: number): Counters {
    const at = this.#places[counter]!;
    return { packets: this.#counters[(at + RULE_PACKETS) >> 1]!, bytes: this.#counters[(at + RULE_BYTES) >> 1]! };
  }

  /** Of the accounting objects that rules name (nfacct). */
  accounting(): ReadonlyMap<string, Counters> {
    return new Map(
      this.#objects.map((name, i) => {
        const at = this.#firstObject + 2 * i;
        return [name, { packets: this.#counters[at]!, bytes: this.#counters[at + 1]! }];
      }),
    );
  }

  /** The rule set with the counters of this moment: what `iptables-save -c` shows. */
  snapshot(): RuleSet {
    const tables = new Map<TableName, Table>();
    for (const table of this.ruleSet.tables.values()) tables.set(table.name, { name: table.name, chains: new Map(table.chains) });
    for (const { table, chain, first } of this.chains) {
      const rules = chain.rules.map((rule, i) => ({ ...rule, ...this.counters(first + i) }));
      const own = chain.policy ? this.counters(first + rules.length) : { packets: 0, bytes: 0 };
      (tables.get(table)!.chains as Map<string, Chain>).set(chain.name, { ...chain, ...own, rules });
    }
    return { tables };
  }

  /** Counter of each rule by the rule itself, and of each policy by `table chain`: how a reload finds what stayed. */
  byRule(): { rules: Map<Rule, number>; policies: Map<string, number> } {
    const rules = new Map<Rule, number>();
    const policies = new Map<string, number>();
    for (const { table, chain, first } of this.chains) {
      for (let i = 0; i < chain.rules.length; i++) rules.set(chain.rules[i]!, first + i);
      if (chain.policy) policies.set(`${table} ${chain.name}`, first + chain.rules.length);
    }
    return { rules, policies };
  }
}
