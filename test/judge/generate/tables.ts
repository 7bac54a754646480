/** Rule sets with what the judge itself needs in them: each table is named, and every built-in chain begins with the sentinels' rule. */
import { SENTINEL_PROTOCOL } from '../wires.ts';

export const builtIn = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;
export type TableName = keyof typeof builtIn;
export const tableNames = Object.keys(builtIn) as TableName[];

/** Chains of its own, and `-A` lines. */
export interface TableRules {
  chains: readonly string[];
  rules: readonly string[];
}

export const sentinelRules = (table: TableName, chain: string): string[] => [
  // The second rule does nothing but start conntrack, which runs when a rule asks for it.
  ...(table === 'raw' && chain === 'PREROUTING'
    ? [`-A ${chain} -p ${SENTINEL_PROTOCOL} -j NOTRACK`, `-A ${chain} -p ${SENTINEL_PROTOCOL} -m conntrack --ctstate DNAT`]
    : []),
  `-A ${chain} -p ${SENTINEL_PROTOCOL} -j ACCEPT`,
];

export function givenTable(table: TableName, { chains, rules }: TableRules): string[] {
  return [
    `*${table}`,
    ...builtIn[table].map(chain => `:${chain} ACCEPT [0:0]`),
    ...chains.map(u => `:${u} - [0:0]`),
    ...builtIn[table].flatMap(chain => sentinelRules(table, chain)),
    ...rules,
    'COMMIT',
  ];
}

/** A whole rule set of `-A` lines: a table that is not named stays as it was (iptables-restore), so each is named, if only to be empty. */
export const ruleSetOf = (given: Partial<Record<TableName, TableRules | readonly string[]>>): string[] =>
  tableNames.flatMap(table => {
    const its = given[table] ?? [];
    return givenTable(table, 'rules' in its ? its : { chains: [], rules: its });
  });
