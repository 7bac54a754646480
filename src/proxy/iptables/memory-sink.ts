/** A sink that keeps the rules as data, of either family: what the router runs is made from it, and what `render` shows. */
import type { RuleSet } from '../../netfilter/ruleset.ts';
import type { BaseJump } from './base-jumps.ts';
import { canaryTables } from './base-jumps.ts';
import { ChainState, type StateTable } from './chain-state.ts';
import { Chain } from './names.ts';
import type { Restore } from './restore.ts';
import { RuleSetMaker } from './rule-set.ts';
import type { RuleSink } from './sink.ts';

export class MemorySink implements RuleSink {
  readonly state = new ChainState();
  readonly #maker = new RuleSetMaker(this.state);
  readonly #counters: ReadonlySet<string>;
  /** Called with each rule set that is to be in force, IPv4 alone. Where it throws, the sync has failed. */
  readonly #install: ((ruleSet: RuleSet) => void | Promise<void>) | undefined;

  constructor(counters: Iterable<string> = [], install?: (ruleSet: RuleSet) => void | Promise<void>) {
    this.#counters = new Set(counters);
    this.#install = install;
  }

  /** IPv4 alone. */
  ruleSet(): RuleSet {
    return this.#maker.ruleSet();
  }

  ensureBase(jumps: readonly BaseJump[], tables: readonly StateTable[]): void {
    this.state.ensureBase(jumps, tables);
  }
  ensureCounter(name: string): boolean {
    return this.#counters.has(name);
  }
  /** Nothing passes here. */
  counted(name: string): number | undefined {
    return this.#counters.has(name) ? 0 : undefined;
  }
  natChains(): Iterable<string> {
    return this.state.natChains();
  }
  canariesStand(): boolean {
    return canaryTables.every(table => this.state.tables[table].has(Chain.Canary));
  }
  async restore(restore: Restore): Promise<void> {
    const takeBack = this.state.restore(restore);
    try {
      await this.#install?.(this.ruleSet());
    } catch (error) {
      takeBack();
      throw error;
    }
  }
}
