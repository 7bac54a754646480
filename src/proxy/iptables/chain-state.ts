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
  readonly tables: Readonly<Record<StateTable, ChainMap>> = { filter: new Map(), nat: new Map(), mangle: new Map() };
  readonly #changed: Readonly<Record<StateTable, Set<string>>> = { filter: new Set(), nat: new Set(), mangle: new Set() };

  /** Names of chains that were made, written or deleted since this was last asked. */
  takeChanged(table: StateTable): string[] {
    const names = [...this.#changed[table]];
    this.#changed[table].clear();
    return names;
  }

  /** Chains, the jumps to them, and canaries, where they are missing. */
  ensureBase(jumps: readonly BaseJump[], canaryTables: readonly StateTable[]): void {
    for (const table of canaryTables) if (!this.tables[table].has(Chain.Canary)) this.#set(table, Chain.Canary, []);
    for (const { table, rule } of jumps) {
      const chains = this.tables[table];
      const to = rule.target?.kind === 'jump' ? rule.target.chain : '';
      if (!chains.has(to)) this.#set(table, to, []);
      const rules = chains.get(rule.chain) ?? [];
      if (!rules.includes(rule)) this.#set(table, rule.chain, [rule, ...rules]);
    }
  }

  natChains(): Iterable<string> {
    return this.tables.nat.keys();
  }

  /**
   * @returns what takes it back
   * @throws LabError RULES; then nothing has changed
   */
  restore(restore: Restore): () => void {
    const written = tablesOf(restore).map(t => [t, writtenChains(t)] as const);
    for (const [table, chains] of written) this.#checkDeleted(table, chains);
    const before: [StateTable, string, readonly ProxyRule[] | undefined][] = [];
    for (const [{ table, deleted }, chains] of written) {
      const put = (name: string, rules: readonly ProxyRule[] | undefined): void => {
        before.push([table, name, this.tables[table].get(name)]);
        this.#set(table, name, rules);
      };
      for (const [name, rules] of chains) put(name, rules);
      for (const name of deleted) put(name, undefined);
    }
    return () => {
      for (const [table, name, rules] of before) this.#set(table, name, rules);
    };
  }

  /** @param rules undefined: the chain goes */
  #set(table: StateTable, name: string, rules: readonly ProxyRule[] | undefined): void {
    if (rules === undefined) this.tables[table].delete(name);
    else this.tables[table].set(name, rules);
    this.#changed[table].add(name);
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
