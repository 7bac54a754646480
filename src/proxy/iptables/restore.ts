/** What one sync hands to iptables-restore: the chains that it writes anew, their rules, and the chains that go. Chains that it does not name stay. */
import { isServiceChain } from './names.ts';
import type { ProxyRule, TableWithRules } from './rule.ts';
import { originText, ruleText } from './rule-text.ts';

export interface TableRestore {
  readonly table: TableWithRules;
  /** Each is made when it is missing, and emptied. */
  readonly chains: readonly string[];
  readonly rules: readonly ProxyRule[];
  /** Emptied and deleted, behind the rules. */
  readonly deleted: readonly string[];
  /** Behind what is deleted. */
  readonly tail: readonly ProxyRule[];
}

export interface Restore {
  readonly filter: TableRestore;
  readonly nat: TableRestore;
}

export const tablesOf = ({ filter, nat }: Restore): readonly TableRestore[] => [filter, nat];

/** The text, byte for byte as kube-proxy writes it. @param explain a line with the origin stands above each rule */
export function restoreText(restore: Restore, explain = false): string {
  const lines: string[] = [];
  const add = (rules: readonly ProxyRule[]): void => {
    for (const rule of rules) {
      if (explain) lines.push(`# ${originText(rule.origin)}`);
      lines.push(rule.line ?? newLine(rule));
    }
  };
  for (const { table, chains, rules, deleted, tail } of tablesOf(restore)) {
    lines.push(`*${table}`);
    for (const chain of chains) lines.push(chainLine(chain));
    for (const chain of deleted) lines.push(chainLine(chain));
    add(rules);
    for (const chain of deleted) lines.push(`-X ${chain}`);
    add(tail);
    lines.push('COMMIT');
  }
  lines.push('');
  return lines.join('\n');
}

/** Chains of Services are written when they change; lines of the others are kept for the next sync. */
function newLine(rule: ProxyRule): string {
  const line = ruleText(rule);
  if (!isServiceChain(rule.chain)) rule.line = line;
  return line;
}

const chainLine = (chain: string): string => `:${chain} - [0:0]`;
