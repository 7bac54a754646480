/** Where a chain of the program in force stands, and who goes there: what a change must know. Cold side. */
import type { Chain, TableName } from '../ruleset.ts';

/** A chain as it was from one change to the next. */
export interface ChainText {
  readonly table: TableName;
  readonly chain: Chain;
  /** Number of the first rule; the others follow, then the one of the chain's end (End or policy). Known when it is compiled. */
  first: number;
}

/** A place where the chain has stood before, to which so many jumps still go. */
export interface OldPlace {
  readonly at: number;
  jumps: number;
}

export class LinkedChain {
  text: ChainText;
  start = 0;
  /** In words, with its end. */
  length = 0;
  /** Rules that jump or go to `start`. */
  jumps = 0;
  /** Those that go to where it has stood before. */
  moved: OldPlace[] = NONE;
  /** Its part of the index; -1: none. */
  segment = -1;
  segmentLength = 0;
  /** At least the table's built-in chains from which it can be reached, a bit for each (`builtinChains`). */
  hooks: number;
  /** Pairs: place of a rule in the chain, a state that it uses. */
  states: readonly number[] = NONE;

  constructor(text: ChainText, hooks = 0) {
    this.text = text;
    this.hooks = hooks;
  }

  get references(): number {
    return this.moved.reduce((sum, place) => sum + place.jumps, this.jumps);
  }
}

const NONE: never[] = [];
