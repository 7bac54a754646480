/**
 * A sink that hands rules to a router as data: the chains of one sync take their place in the rule set that is there, with the rules of
 * others in it, and the whole is swapped in between two batches. No text is written or read.
 *
 * Differs from Linux: a rule that is written again as it was goes on counting; iptables-restore begins again at 0.
 */
import { VersionedMap } from '../../base/versioned-map.ts';
import { builtinChains, type Chain, emptyTable, type Rule, type RuleSet, type Table } from '../../netfilter/ruleset.ts';
import { printRule } from '../../netfilter/text/rule-printer.ts';
import { type Restore, type TableRestore, tablesOf } from '../../proxy/iptables/restore.ts';
import { ruleData } from '../../proxy/iptables/rule-set.ts';
import type { RuleHolder } from '../plane/data-plane.ts';
import type { Accounting } from './accounting.ts';
import { PlaneSink, type SavedTable } from './plane-sink.ts';
import type { ToolPlane } from './run-tool.ts';

export class RouterSink extends PlaneSink {
  readonly #holder: RuleHolder;

  /** @param accounting of the node's namespace: a router counts under the names under which a kernel would, so that the rules are the same */
  constructor(plane: ToolPlane, holder: RuleHolder, accounting?: Accounting) {
    super(plane, accounting);
    this.#holder = holder;
  }

  override counted(name: string): number | undefined {
    return this.#holder.accounting().get(name)?.packets;
  }

  override async natChains(): Promise<Iterable<string>> {
    return this.#holder.ruleSet.tables.get('nat')?.chains.keys() ?? [];
  }

  override async restore(restore: Restore): Promise<void> {
    this.#holder.install(withRestore(this.#holder.ruleSet, restore));
  }

  protected override async saved(): Promise<Map<string, SavedTable>> {
    const tables = [...this.#holder.ruleSet.tables.values()].map(({ name, chains }) => {
      const lines = builtinChains[name].flatMap(chain => (chains.get(chain)?.rules ?? []).map(rule => `-A ${chain}${printRule(rule)}`));
      return [name, { chains: new Set(chains.keys()), rules: new Set(lines) }] as const;
    });
    return new Map(tables);
  }
}

/** What `iptables-restore --noflush` makes of a rule set. Chains that stay as they are stay the same objects. */
export function withRestore(ruleSet: RuleSet, restore: Restore): RuleSet {
  const tables = new Map(ruleSet.tables);
  for (const part of tablesOf(restore)) tables.set(part.table, writtenTable(tables.get(part.table) ?? emptyTable(part.table), part));
  return { tables };
}

function writtenTable({ name, chains: before }: Table, { chains, rules, deleted, tail }: TableRestore): Table {
  const written = new Map<string, Rule[]>(chains.map(chain => [chain, []]));
  for (const rule of rules) written.get(rule.chain)!.push(ruleData(rule));
  for (const rule of tail) written.get(rule.chain)!.push(ruleData(rule));
  const changes: [string, Chain | undefined][] = deleted.map(chain => [chain, undefined]);
  for (const [chain, list] of written)
    if (!isSame(before.get(chain), list)) changes.push([chain, { name: chain, packets: 0, bytes: 0, rules: list }]);
  return { name, chains: VersionedMap.of(before).with(changes) };
}

function isSame(chain: Chain | undefined, rules: readonly Rule[]): boolean {
  if (chain?.rules.length !== rules.length) return false;
  for (let i = 0; i < rules.length; i++) if (chain.rules[i] !== rules[i]) return false;
  return true;
}
