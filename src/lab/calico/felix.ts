/**
 * What Calico's felix writes on a node whose pods no policy selects: its chains in raw, mangle, nat and filter, and the sets that they ask
 * for. Pure. As Calico v3.29 does it in iptables mode with the settings of its manifest `calico.yaml` (`felix/rules/static.go`,
 * `endpoints.go`, `dispatch.go`, `nat.go`; `felix/dataplane/linux/int_dataplane.go`): inserted rules stand at the top of the built-in
 * chains, what is allowed is accepted at once, pods may speak to their node.
 *
 * Not there: chains for policies and host endpoints (with none, felix's own are empty, and what nothing refers to, such as the failsafe
 * chains, it does not write), VXLAN, WireGuard, IPVS, eBPF, IPv6, floating IPs, limits of bandwidth.
 */
import { builtinChains, type TableName } from '../../netfilter/ruleset.ts';
import { readRuleSet } from '../../netfilter/text/read.ts';
import { printRule } from '../../netfilter/text/rule-printer.ts';
import { type FelixChains, filterChains, mangleChains, natChains, rawChains } from './felix-chains.ts';
import { ruleLines } from './rule-hash.ts';

export interface FelixConfig {
  /** IP pools, as networks. Pods of all of them are masqueraded when they leave (`natOutgoing`). */
  readonly pools: readonly string[];
  /** Is a pool with `ipipMode` Always or CrossSubnet among them? */
  readonly ipip: boolean;
  /** Of all nodes. */
  readonly hosts: readonly string[];
  /** This node's own, on all interfaces that are no pod's. */
  readonly addresses: readonly string[];
  /** The nodes' ends of the pods' links: `cali` and 11 hexadecimal digits. */
  readonly interfaces: readonly string[];
}

/** Lines of iptables-save of one table, by chain. */
export interface FelixTable {
  /** In front of what others have in these built-in chains. */
  readonly inserted: Readonly<Record<string, readonly string[]>>;
  /** Behind it. */
  readonly appended: Readonly<Record<string, readonly string[]>>;
  readonly chains: Readonly<Record<string, readonly string[]>>;
}

export const felixTables = ['raw', 'mangle', 'nat', 'filter'] as const satisfies readonly TableName[];

export function felixRules(config: FelixConfig): Readonly<Record<TableName, FelixTable>> {
  return {
    raw: table('raw', rawChains()),
    mangle: table('mangle', mangleChains()),
    nat: table('nat', natChains(config)),
    filter: table('filter', filterChains(config)),
  };
}

/** The whole text of a node on which nothing else has written rules yet. */
export function felixText(config: FelixConfig): string {
  const rules = felixRules(config);
  return felixTables.map(name => tableText(name, rules[name])).join('');
}

function tableText(name: TableName, { inserted, appended, chains }: FelixTable): string {
  const builtin = builtinChains[name];
  const own = Object.keys(chains).sort();
  const rules = [...builtin.flatMap(chain => [...(inserted[chain] ?? []), ...(appended[chain] ?? [])]), ...own.flatMap(c => chains[c]!)];
  const names = [...builtin.map(chain => `:${chain} ACCEPT [0:0]`), ...own.map(chain => `:${chain} - [0:0]`)];
  return [`*${name}`, ...names, ...rules, 'COMMIT', ''].join('\n');
}

/** What a text for iptables-restore comes to when iptables-save writes it down: in the built-in chains first what is inserted. */
function table(name: TableName, { inserted, appended, chains }: FelixChains): FelixTable {
  const lines = [
    ...Object.entries(chains).flatMap(([chain, rules]) => ruleLines(chain, rules)),
    ...Object.entries(inserted).flatMap(([chain, rules]) => ruleLines(chain, rules)),
    ...Object.entries(appended).flatMap(([chain, rules]) => ruleLines(chain, rules, `${chain}*appends*`)),
  ];
  const own = Object.keys(chains).map(chain => `:${chain} - [0:0]`);
  const { ruleSet } = readRuleSet([`*${name}`, ...own, ...lines, 'COMMIT\n'].join('\n'), { file: `felix's ${name} table` });
  const saved = (chain: string) =>
    ruleSet.tables
      .get(name)!
      .chains.get(chain)!
      .rules.map(rule => `-A ${chain}${printRule(rule)}`);
  const each = (names: object, part: (chain: string) => string[]) =>
    Object.fromEntries(Object.keys(names).map(chain => [chain, part(chain)] as const));
  const insertedIn = (chain: string) => inserted[chain]?.length ?? 0;
  return {
    inserted: each(inserted, chain => saved(chain).slice(0, insertedIn(chain))),
    appended: each(appended, chain => saved(chain).slice(insertedIn(chain))),
    chains: each(chains, saved),
  };
}
