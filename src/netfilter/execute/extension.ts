/** The parts of a match or a target that compile it and run it. How its words are read and printed stands in `../matches`, `../targets`. */

import type { IpSet } from '../ipset/ip-set.ts';
import type { Match, Rule, Target } from '../ruleset.ts';
import type { Emitter } from './emitter.ts';
import type { Act, Test } from './execution.ts';

export type IpSets = ReadonlyMap<string, IpSet>;

export interface MatchExtension<M> {
  /** Every test that `emit` may use: their place in `matches/table.ts` is their op-code. */
  readonly tests: readonly Test[];
  /**
   * Why the kernel would not take it, in words; undefined when it would. Where an extension works (table, hooks, protocol) is part of its
   * words: `text/table-check.ts`.
   */
  refuse?(m: M, rule: Rule, sets: IpSets): string | undefined;
  /** What the router cannot do though the kernel can. */
  unsupported?(m: M): string | undefined;
  /** Something that a person should know though the rule is taken. */
  warn?(m: M): string | undefined;
  emit(m: M, out: Emitter): void;
  /** Does trying it change something, or depend on chance or time? Rules are then never skipped past it. */
  readonly stateful?: boolean;
}

export interface TargetExtension<T> {
  readonly acts: readonly Act[];
  refuse?(t: T, rule: Rule): string | undefined;
  unsupported?(t: T): string | undefined;
  emit(t: T, out: Emitter): void;
}

export type MatchOf<K extends Match['kind']> = Extract<Match, { kind: K }>;
export type TargetOf<K extends Target['kind']> = Extract<Target, { kind: K }>;
