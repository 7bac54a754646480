/** Listings as iptables 1.8.9 prints them: `-S` (the rules as commands) and `-L` (a table for eyes). Addresses are never resolved. */
import { formatIpv4 } from '../../base/address.ts';
import { matchOf } from '../matches/index.ts';
import type { Chain, NotAddress, NotInterface, Rule, Table } from '../ruleset.ts';
import { targetOf } from '../targets/index.ts';
import type { ListFlags } from './command.ts';
import { printRule, printTarget, protocolText } from './rule-printer.ts';
import { printInterface, printOptionalMask } from './values.ts';
import { orderedChains } from './write.ts';

export interface Listed {
  /** One chain, or all. */
  readonly chain?: string | undefined;
  /** One rule of it, 1 = first. */
  readonly number?: number | undefined;
}

/** `iptables -S`: policies, then names of the users' chains, then rules. */
export function listRules(table: Table, { chain, number }: Listed, verbose: boolean): string {
  const chains = orderedChains(table).filter(c => chain === undefined || c.name === chain);
  const lines: string[] = [];
  for (const c of number === undefined ? chains : []) {
    const counters = verbose && c.policy ? ` -c ${c.packets} ${c.bytes}` : '';
    lines.push(c.policy ? `-P ${c.name} ${c.policy}${counters}` : `-N ${c.name}`);
  }
  for (const c of chains)
    c.rules.forEach((rule, i) => {
      if (number === undefined || number === i + 1) lines.push(`-A ${c.name}${verbose ? withCounters(rule) : printRule(rule)}`);
    });
  return lines.map(line => `${line}\n`).join('');
}

/** Counters stand in front of the target. */
function withCounters(rule: Rule): string {
  const { target, ...rest } = rule;
  return `${printRule(rest)} -c ${rule.packets} ${rule.bytes}${target && rule.verbatim === undefined ? printTarget(target) : ''}`;
}

/** `iptables -L`. */
export function listTable(table: Table, { chain, number }: Listed, flags: ListFlags): string {
  const references = countReferences(table);
  const chains = orderedChains(table).filter(c => chain === undefined || c.name === chain);
  return chains.map(c => listChain(c, number, flags, references.get(c.name) ?? 0)).join('\n');
}

function countReferences(table: Table): Map<string, number> {
  const counts = new Map<string, number>();
  for (const c of table.chains.values())
    for (const { target: t } of c.rules) if (t?.kind === 'jump' || t?.kind === 'goto') counts.set(t.chain, (counts.get(t.chain) ?? 0) + 1);
  return counts;
}

function listChain(chain: Chain, number: number | undefined, flags: ListFlags, references: number): string {
  let s = '';
  if (number === undefined) s += chainHead(chain, flags, references);
  chain.rules.forEach((rule, i) => {
    if (number === undefined || number === i + 1) s += listRule(rule, i + 1, flags);
  });
  return s;
}

function chainHead(c: Chain, { verbose, exact, lineNumbers }: ListFlags, references: number): string {
  const counts = verbose ? ` ${count(c.packets, exact, 0)} packets, ${count(c.bytes, exact, 0)} bytes` : '';
  const about = c.policy === undefined ? `${references} references` : `policy ${c.policy}${counts}`;
  const columns = verbose ? (exact ? '    pkts      bytes ' : ' pkts bytes ') : '';
  const devices = verbose ? ' in     out    ' : '';
  return (
    `Chain ${c.name} (${about})\n` +
    `${lineNumbers ? 'num  ' : ''}${columns}target     prot opt${devices} source               destination         \n`
  );
}

function listRule(rule: Rule, number: number, { verbose, exact, lineNumbers, numeric }: ListFlags): string {
  const t = rule.target;
  const isChain = t?.kind === 'jump' || t?.kind === 'goto';
  const name = rule.verbatim !== undefined || t === undefined ? '' : isChain ? t.chain : (targetOf(t).listName ?? targetOf(t).name);
  let s = lineNumbers ? `${String(number).padEnd(4)} ` : '';
  if (verbose) s += `${count(rule.packets, exact, exact ? 8 : 5)} ${count(rule.bytes, exact, exact ? 8 : 5)} `;
  s += `${name.padEnd(9)} ${rule.protocol?.not ? '!' : ' '}${protocol(rule, numeric).padEnd(4)} `;
  s += `${rule.fragment?.not ? '!' : '-'}${rule.fragment ? 'f' : '-'} `;
  if (verbose) s += ` ${device(rule.inInterface, numeric).padEnd(6)} ${device(rule.outInterface, numeric).padEnd(6)} `;
  s += `${rule.source?.not ? '!' : ' '}${address(rule.source, numeric).padEnd(19)} `;
  s += `${rule.destination?.not ? '!' : ' '}${address(rule.destination, numeric).padEnd(19)} `;
  if (rule.verbatim !== undefined) return `${s} [never matches] ${rule.verbatim}\n`;
  if (t?.kind === 'goto') s += '[goto] ';
  const style = { numeric, protocol: rule.protocol?.number ?? 0 };
  for (const match of rule.matches) s += matchOf(match).list(match, style);
  return `${s}${t && !isChain ? targetOf(t).list(t, style) : ''}\n`;
}

/** 99999 fits; beyond that thousands, millions ... rounded half up at each step, as iptables does. */
function count(n: number, exact: boolean, width: number): string {
  if (exact || n <= 99_999) return String(n).padStart(width);
  let rest = n;
  for (const unit of ['K', 'M', 'G', 'T']) {
    rest = Math.floor((rest + 500) / 1000);
    if (rest <= 9999 || unit === 'T') return `${String(rest).padStart(Math.max(width - 1, 0))}${unit}`;
  }
  return '';
}

const protocol = (rule: Rule, numeric: boolean): string => {
  const number = rule.protocol?.number ?? 0;
  return numeric ? String(number) : number === 0 ? 'all' : protocolText(number);
};

function device(i: NotInterface | undefined, numeric: boolean): string {
  if (i === undefined) return numeric ? '*' : 'any';
  return `${i.not ? '!' : ''}${printInterface(i)}`;
}

function address(a: NotAddress | undefined, numeric: boolean): string {
  if (a === undefined || (a.mask === 0 && !numeric)) return numeric ? '0.0.0.0/0' : 'anywhere';
  return formatIpv4(a.address) + printOptionalMask(a.mask);
}
