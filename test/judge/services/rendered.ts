/** The rules of a cluster, compiled as `kubehop render` compiles them, as both sides are given them. */

import type { ProxyConfig } from '../../../src/proxy/iptables/config.ts';
import { fullText } from '../../../src/proxy/iptables/full-text.ts';
import { renderRules } from '../../../src/proxy/render.ts';
import { ruleSetOf, type TableName, type TableRules } from '../generate/tables.ts';
import type { Cluster } from './cluster.ts';

export function renderedRules({ objects }: Cluster, config: ProxyConfig): string[] {
  const tables: Partial<Record<TableName, { chains: string[]; rules: string[] }>> = {};
  let current = { chains: [] as string[], rules: [] as string[] };
  for (const line of fullText(renderRules(objects, config).state).split('\n')) {
    if (line.startsWith('*')) tables[line.slice(1) as TableName] = current = { chains: [], rules: [] };
    else if (line.startsWith(':')) {
      const [chain, policy] = line.slice(1).split(' ') as [string, string];
      if (policy === '-') current.chains.push(chain);
    } else if (line.startsWith('-A')) current.rules.push(byTurns(line));
  }
  return ruleSetOf(tables satisfies Partial<Record<TableName, TableRules>>);
}

/** Whom chance takes, the sides do not agree about: one of n by turns in its place. Chance itself is judged as a distribution. */
function byTurns(rule: string): string {
  return rule.replace(
    /--mode random --probability ([\d.]+)/,
    (_, p: string) => `--mode nth --every ${Math.round(1 / Number(p))} --packet 0`,
  );
}
