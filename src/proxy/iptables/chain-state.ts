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
  /** How many rules jump to a chain, from the first time on that somebody asks. */
  readonly #jumps = new Map<StateTable, Map<string, number>>();

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
    const before = this.tables[table].get(name);
    if (before !== undefined && rules !== undefined && sameRules(before, rules)) return;
    const jumps = this.#jumps.get(table);
    if (jumps !== undefined) {
      countJumps(jumps, before ?? [], -1);
      countJumps(jumps, rules ?? [], 1);
    }
    if (rules === undefined) this.tables[table].delete(name);
    else this.tables[table].set(name, rules);
    this.#changed[table].add(name);
  }

  #checkDeleted({ table, deleted }: TableRestore, written: ReadonlyMap<string, readonly ProxyRule[]>): void {
    if (deleted.length === 0) return;
    const chains = this.tables[table];
    const gone = new Set(deleted);
    const changes = new Map<string, number>();
    for (const name of gone) countJumps(changes, chains.get(name) ?? [], -1);
    for (const [name, rules] of written) {
      if (!gone.has(name)) countJumps(changes, chains.get(name) ?? [], -1);
      countJumps(changes, rules, 1);
    }
    const jumps = this.#jumpsOf(table);
    if (deleted.every(name => (jumps.get(name) ?? 0) + (changes.get(name) ?? 0) === 0)) return;
    const complain = (rules: readonly ProxyRule[]): void => {
      for (const { chain, target } of rules)
        if (target?.kind === 'jump' && gone.has(target.chain))
          throw new LabError('RULES', `table ${table}: chain ${target.chain} is to be deleted, and a rule of ${chain} jumps to it`);
    };
    for (const [name, rules] of chains) if (!gone.has(name) && !written.has(name)) complain(rules);
    for (const rules of written.values()) complain(rules);
  }

  #jumpsOf(table: StateTable): ReadonlyMap<string, number> {
    let jumps = this.#jumps.get(table);
    if (jumps === undefined) {
      jumps = new Map();
      for (const rules of this.tables[table].values()) countJumps(jumps, rules, 1);
      this.#jumps.set(table, jumps);
    }
    return jumps;
  }
}

function countJumps(jumps: Map<string, number>, rules: readonly ProxyRule[], times: number): void {
  for (const { target } of rules) if (target?.kind === 'jump') jumps.set(target.chain, (jumps.get(target.chain) ?? 0) + times);
}

function sameRules(a: readonly ProxyRule[], b: readonly ProxyRule[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
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
