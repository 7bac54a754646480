/**
 * A rule set as data: what `iptables-save` writes down, as plain objects. The one bridge between the side that makes rules (proxy) and
 * the side that runs them. A `RuleSet` is never changed in place once it was handed over: whoever edits it makes a new one that shares
 * the tables, chains and rules which stay.
 */
import type { Match, NotAddress, NotInterface } from './match-types.ts';
import type { Target } from './target-types.ts';

export type * from './match-types.ts';
export { addressTypes, CtState, CtStatus, HashlimitMode } from './match-types.ts';
export type * from './target-types.ts';
export { ctEvents, LogFlag, rejectTypes } from './target-types.ts';

/** Tables in the order in which packets meet them, with their built-in chains in the order in which iptables-save writes them. */
export const builtinChains = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;

export type TableName = keyof typeof builtinChains;
export const tableNames = ['raw', 'mangle', 'nat', 'filter'] as const satisfies readonly TableName[];

/** Packet and byte counters are exact up to 2^53 - 1 and stay there. */
export interface Counters {
  packets: number;
  bytes: number;
}

export interface Rule extends Counters {
  readonly source?: NotAddress;
  readonly destination?: NotAddress;
  readonly inInterface?: NotInterface;
  readonly outInterface?: NotInterface;
  /** IP protocol number 1..255. Without `-p` it is absent. */
  readonly protocol?: { readonly number: number; readonly not: boolean };
  /** `-f`: second and further fragments; with `not`, first fragments and whole packets. */
  readonly fragment?: { readonly not: boolean };
  /** In the order in which they are tried, which is the order in which they were written. */
  readonly matches: readonly Match[];
  /** Absent: the rule counts, and the packet goes on. */
  readonly target?: Target;
  /**
   * What followed `-A CHAIN`, for a rule that was kept by the lenient reader though it was not understood: it is printed back as
   * it stood and never matches. The other fields are then empty.
   */
  readonly verbatim?: string;
  /** Line of the text it came from, counted from 1; 0 = made by a program. */
  readonly line: number;
  /** Where it comes from, in words for people: a Service, a line of a file. Never part of the text. */
  readonly origin?: string;
}

export interface Chain extends Counters {
  readonly name: string;
  /** Absent for chains that a user made. */
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly Rule[];
}

export interface Table {
  readonly name: TableName;
  /** Built-in chains first, in the order of `builtinChains`; then the others in the order in which they were made. */
  readonly chains: ReadonlyMap<string, Chain>;
}

/** A table that nobody has touched is absent, which is the same as one with empty built-in chains and policy ACCEPT. */
export interface RuleSet {
  readonly tables: ReadonlyMap<TableName, Table>;
}

export const EMPTY_RULE_SET: RuleSet = { tables: new Map() };

/** A table as the kernel first shows it: built-in chains, no rules, policy ACCEPT. */
export function emptyTable(name: TableName): Table {
  const chains = new Map<string, Chain>();
  for (const chain of builtinChains[name]) chains.set(chain, { name: chain, policy: 'ACCEPT', packets: 0, bytes: 0, rules: [] });
  return { name, chains };
}
