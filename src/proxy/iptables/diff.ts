/** What a node's `iptables-save` (or `ip6tables-save`) has and kube-proxy would not write, and the other way round. */
import type { IpFamily } from '../../base/ip.ts';
import type { ChainState } from './chain-state.ts';
import { Chain, Counter, isServiceChain } from './names.ts';
import type { TableWithRules } from './rule.ts';
import { originText } from './rule-text.ts';
import { savedText } from './saved-text.ts';

export interface DiffLine {
  /** missing: it should be there. extra: nobody asks for it. stale: of a Service or endpoint that is no more. order: not in its place. */
  readonly kind: 'missing' | 'extra' | 'stale' | 'order';
  readonly table: string;
  /** The rule as iptables-save shows it, or `:CHAIN`. */
  readonly text: string;
  /** Object and field that cause it, for what is missing. */
  readonly origin?: string;
}

type Saved = Map<string, Map<string, string[]>>;

/** Chains in which the rules of different Services may stand in any order. */
const SHARED: readonly string[] = [Chain.Services, Chain.ExternalServices, Chain.NodePorts, Chain.ProxyFirewall];

/** Accounting objects that a node's kube-proxy has: both, or none. @param saved its iptables-save */
export const countersIn = (saved: string): string[] => {
  const all = Object.values(Counter);
  return all.some(name => saved.includes(` --nfacct-name  ${name} `)) ? all : [];
};

/** @param ports `namespace/name:port` of the ports that have rules: what names another one is stale */
export function diffRules(state: ChainState, family: IpFamily, ports: ReadonlySet<string>, saved: string): DiffLine[] {
  const node = readSaved(saved);
  const lines: DiffLine[] = [];
  for (const table of ['filter', 'nat'] as const) {
    const chains = node.get(table) ?? new Map<string, string[]>();
    diffTable(table, wantedOf(state, table, family), chains, ports, lines);
  }
  const mangle = node.get('mangle');
  if (state.tables.mangle.has(Chain.Canary) && !mangle?.has(Chain.Canary))
    lines.push({ kind: 'missing', table: 'mangle', text: `:${Chain.Canary}` });
  return lines;
}

interface Wanted {
  readonly text: string;
  readonly origin: string;
}
const wantedOf = ({ tables }: ChainState, table: TableWithRules, family: IpFamily): Map<string, Wanted[]> =>
  new Map(
    [...tables[table]].map(([name, rules]) => [
      name,
      rules.map(r => ({ text: normal(savedText(r, family)), origin: originText(r.origin) })),
    ]),
  );

function diffTable(
  table: string,
  wanted: ReadonlyMap<string, readonly Wanted[]>,
  chains: ReadonlyMap<string, readonly string[]>,
  ports: ReadonlySet<string>,
  lines: DiffLine[],
): void {
  const isStale = (rule: string): boolean => {
    const port = portOf(rule);
    const to = / -j (\S+)/.exec(rule)?.[1] ?? '';
    return (port !== undefined && !ports.has(port)) || (isServiceChain(to) && !wanted.has(to));
  };
  for (const [name, rules] of wanted) {
    const there = chains.get(name);
    if (there === undefined) lines.push({ kind: 'missing', table, text: `:${name}` });
    const left = [...(there ?? [])];
    let complete = true;
    for (const { text, origin } of rules) {
      const at = left.indexOf(text);
      if (at >= 0) left.splice(at, 1);
      else lines.push({ kind: 'missing', table, text, origin });
      complete &&= at >= 0;
    }
    // Built-in chains hold the rules of everybody: only jumps to kube-proxy's chains are looked at.
    const own = name.startsWith('KUBE-') ? left : left.filter(rule => / -j KUBE-/.test(rule));
    for (const text of own) lines.push({ kind: isStale(text) ? 'stale' : 'extra', table, text });
    if (complete && left.length === 0 && there && !inOrder(name, rules, there)) lines.push({ kind: 'order', table, text: `:${name}` });
  }
  for (const [name, rules] of chains) {
    if (wanted.has(name) || !isServiceChain(name)) continue;
    lines.push({ kind: 'stale', table, text: `:${name}` }, ...rules.map(text => ({ kind: 'stale' as const, table, text })));
  }
}

function inOrder(name: string, wanted: readonly Wanted[], there: readonly string[]): boolean {
  if (!name.startsWith('KUBE-')) return true;
  if (!SHARED.includes(name)) return wanted.every(({ text }, i) => text === there[i]);
  // The way to the node ports comes behind all Services, else it would take what is theirs.
  const toNodePorts = (rule: string): boolean => rule.endsWith(`-j ${Chain.NodePorts}`);
  const first = there.findIndex(toNodePorts);
  return first < 0 || there.slice(first).every(toNodePorts);
}

/** The port of a Service that a rule's comment names. */
const portOf = (rule: string): string | undefined =>
  / --comment "?(?:[a-zA-Z ]*for |pod traffic for )?([a-z0-9][-a-z0-9.]*\/[^\s"]+)/.exec(rule)?.[1];

/** Chains by table, rules by chain. Lines that are none of these are passed over. */
function readSaved(text: string): Saved {
  const tables: Saved = new Map();
  let chains = new Map<string, string[]>();
  for (const raw of text.split('\n')) {
    const line = normal(raw);
    if (line.startsWith('*')) {
      chains = new Map();
      tables.set(line.slice(1), chains);
    } else if (line.startsWith(':')) {
      chains.set(line.slice(1).split(' ', 1)[0]!, []);
    } else if (line.startsWith('-A ')) {
      const name = line.split(' ', 2)[1]!;
      const rules = chains.get(name) ?? [];
      chains.set(name, rules);
      rules.push(line);
    }
  }
  return tables;
}

/** Without counters; one space between words; a comment is quoted, whether it has to be or not. */
const normal = (line: string): string =>
  line
    .replace(/^\[\d+:\d+\] /, '')
    .replace(/ +/g, ' ')
    .replace(/ --comment ([^"\s]\S*)/, ' --comment "$1"')
    .trim();
