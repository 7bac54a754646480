/**
 * The chains of a node as kube-proxy has left them, of either family: what `iptables-restore --noflush` makes of one sync after the
 * other. A sync that would delete a chain which is still jumped to is refused whole, as the kernel does.
 */
import { LabError } from '../../base/errors.ts';
import type { BaseJump } from './base-jumps.ts';
import { Chain } from './names.ts';
import { type Restore, type TableRestore, tablesOf } from './restore.ts';
import type { ProxyRule, TableWithRules } from './rule.ts';

export type StateTable = TableWithRules | 'mangle';
export type ChainMap = Map<string, readonly ProxyRule[]>;

export class ChainState {
  #tables: Readonly<Record<StateTable, ChainMap>> = { filter: new Map(), nat: new Map(), mangle: new Map() };

  get tables(): Readonly<Record<StateTable, ChainMap>> {
    return this.#tables;
  }
  /** As it stands now: lists of rules are never changed, so they are shared. */
  copy(): ChainState {
    const { filter, nat, mangle } = this.#tables;
    const copy = new ChainState();
    copy.#tables = { filter: new Map(filter), nat: new Map(nat), mangle: new Map(mangle) };
    return copy;
  }
  become(other: ChainState): void {
    this.#tables = other.#tables;
  }

  /** Chains, the jumps to them, and canaries, where they are missing. */
  ensureBase(jumps: readonly BaseJump[], canaryTables: readonly StateTable[]): void {
    for (const table of canaryTables) {
      const chains = this.tables[table];
      if (!chains.has(Chain.Canary)) chains.set(Chain.Canary, []);
    }
    for (const { table, rule } of jumps) {
      const chains = this.tables[table];
      const to = rule.target?.kind === 'jump' ? rule.target.chain : '';
      if (!chains.has(to)) chains.set(to, []);
      const rules = chains.get(rule.chain) ?? [];
      if (!rules.includes(rule)) chains.set(rule.chain, [rule, ...rules]);
    }
  }

  natChains(): Iterable<string> {
    return this.tables.nat.keys();
  }

  /** @throws LabError RULES; then nothing has changed */
  restore(restore: Restore): void {
    const written = tablesOf(restore).map(t => [t, writtenChains(t)] as const);
    for (const [table, chains] of written) this.#checkDeleted(table, chains);
    for (const [{ table, deleted }, chains] of written) {
      for (const [name, rules] of chains) this.tables[table].set(name, rules);
      for (const name of deleted) this.tables[table].delete(name);
    }
  }

  #checkDeleted({ table, deleted }: TableRestore, written: ReadonlyMap<string, readonly ProxyRule[]>): void {
    if (deleted.length === 0) return;
    const gone = new Set(deleted);
    const complain = (rules: readonly ProxyRule[]): void => {
      for (const { chain, target } of rules)
        if (target?.kind === 'jump' && gone.has(target.chain))
          throw new LabError('RULES', `table ${table}: chain ${target.chain} is to be deleted, and a rule of ${chain} jumps to it`);
    };
    for (const [name, rules] of this.tables[table]) if (!gone.has(name) && !written.has(name)) complain(rules);
    for (const rules of written.values()) complain(rules);
  }
}

/** The rules of each chain that is written. */
function writtenChains({ chains, rules, tail }: TableRestore): Map<string, ProxyRule[]> {
  const written = new Map<string, ProxyRule[]>(chains.map(name => [name, []]));
  const add = (rule: ProxyRule): void => {
    const chain = written.get(rule.chain);
    if (chain === undefined) throw new LabError('RULES', `no chain ${rule.chain} for a rule`);
    chain.push(rule);
  };
  for (const rule of rules) add(rule);
  for (const rule of tail) add(rule);
  return written;
}
