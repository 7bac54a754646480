/** The parts of a match or a target that compile it and run it. How its words are read and printed stands in `../matches`, `../targets`. */

import type { IpSet } from '../ipset/ip-set.ts';
import type { Match, Rule, TableName, Target } from '../ruleset.ts';
import type { Emitter } from './emitter.ts';
import type { Act, Test } from './execution.ts';

export type IpSets = ReadonlyMap<string, IpSet>;

/** Where a rule stands: what the kernel's `checkentry` asks. */
export interface Place {
  readonly table: TableName;
  readonly chain: string;
  /** Bit per hook from which the chain is reached; 0 for a chain that nobody calls. */
  readonly hooks: number;
  readonly rule: Rule;
}

export interface MatchExtension<M> {
  /** Every test that `emit` may use: their place in `matches/table.ts` is their op-code. */
  readonly tests: readonly Test[];
  /** Why the kernel would not take it here, in words; undefined when it would. */
  refuse?(m: M, place: Place, sets: IpSets): string | undefined;
  /** What the router cannot do though the kernel can. */
  unsupported?(m: M): string | undefined;
  /** Something that a person should know though the rule is taken. */
  warn?(m: M, place: Place): string | undefined;
  emit(m: M, out: Emitter): void;
  /** Does trying it change something, or depend on chance or time? Rules are then never skipped past it. */
  readonly stateful?: boolean;
}

export interface TargetExtension<T> {
  readonly acts: readonly Act[];
  refuse?(t: T, place: Place): string | undefined;
  unsupported?(t: T): string | undefined;
  emit(t: T, out: Emitter): void;
}

export type MatchOf<K extends Match['kind']> = Extract<Match, { kind: K }>;
export type TargetOf<K extends Target['kind']> = Extract<Target, { kind: K }>;

/** Is every hook of the place among `hooks`? */
export const only = (place: Place, ...hooks: number[]): boolean => {
  let bits = 0;
  for (const hook of hooks) bits |= 1 << hook;
  return (place.hooks & ~bits) === 0;
};
