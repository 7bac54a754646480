/**
 * The whole of a node's rules as kube-proxy has left them, with the built-in chains, the jumps from them and the canaries: text for
 * iptables-restore on an empty table.
 */
import type { ChainState, StateTable } from './chain-state.ts';
import type { ProxyRule } from './rule.ts';
import { originText, ruleText } from './rule-text.ts';

const builtin: Readonly<Record<StateTable, readonly string[]>> = {
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
};

export function fullText({ tables }: ChainState, explain = false): string {
  const lines: string[] = [];
  for (const table of ['mangle', 'filter', 'nat'] as const) {
    const own = [...tables[table].keys()].filter(name => !builtin[table].includes(name)).sort();
    lines.push(`*${table}`, ...builtin[table].map(name => `:${name} ACCEPT [0:0]`), ...own.map(name => `:${name} - [0:0]`));
    for (const name of [...builtin[table], ...own]) addRules(lines, tables[table].get(name) ?? [], explain);
    lines.push('COMMIT');
  }
  return `${lines.join('\n')}\n`;
}

function addRules(lines: string[], rules: readonly ProxyRule[], explain: boolean): void {
  for (const rule of rules) {
    if (explain) lines.push(`# ${originText(rule.origin)}`);
    lines.push(ruleText(rule));
  }
}
