/**
 * A compiled rule set: data that crosses to the node's thread. Typed arrays stand in shared memory, so that the cold side can go on
 * reading the counters; the few names and numbers beside them are copied.
 *
 * `code` is a row of rules, chain after chain:
 *
 *     rule:   size | number | packets, 2 words | bytes, 2 words | segment | test ... | action
 *     test:   op | NOT | length << 16, operands ...
 *     action: the same, `op` at or above FIRST_ACTION
 *
 * `size` words further, an even number, stands the next rule of the chain. `number` counts over the whole program, so that the cold side
 * knows which rule it is. Packets and bytes are float64, beside the tests so that a rule which matches costs no more of the cache.
 * `segment` is the part of the index that finds the next rule which can match, -1: the next one
 * is tried (`index/segment.ts`). A chain ends with a rule without tests whose action is End, in a built-in chain Policy.
 *
 * Chains change while the program is in force (`change.ts`): what is new is written behind the rest, where nobody goes yet; a `Patch`
 * makes the node's thread go there. Where a chain has stood, and rules that did not change still jump to, its first rule becomes Moved:
 * in the place of `number` stands where the chain is now.
 */
import type { StateSpec } from './state/spec.ts';

export const RULE_SIZE = 0;
export const RULE_COUNTER = 1;
export const RULE_PACKETS = 2;
export const RULE_BYTES = 4;
export const RULE_SEGMENT = 6;
export const RULE_HEAD = 7;

export const OP_MASK = 0xff;
export const NOT = 0x100;
export const LENGTH_SHIFT = 16;

/** Actions of the walk itself; those of targets follow at FIRST_TARGET, in the order of `targets/table.ts`. */
export const FIRST_ACTION = 128;
export const Action = {
  Continue: 128,
  Accept: 129,
  Drop: 130,
  Return: 131,
  Jump: 132,
  Goto: 133,
  End: 134,
  Policy: 135,
  Moved: 136,
} as const;
export const FIRST_TARGET = 137;
/** What is left of a chain that has moved: the head and one action. */
export const MOVED_SIZE = RULE_HEAD + 1;

export const TABLES = 4;
export const HOOKS = 5;

/** An interface as a rule names it. */
export interface InterfacePattern {
  readonly name: string;
  readonly prefix: boolean;
}

export interface Program {
  /** Every program of a process has its own. */
  readonly id: number;
  readonly code: Int32Array;
  /** Two words per table and hook, `table * HOOKS + hook`: where the chain begins, where its policy stands. -1: no such chain. */
  readonly entries: Int32Array;
  /** The same memory as `code`: packets and bytes of the rule at `pc` at `(pc + RULE_PACKETS) / 2` and `(pc + RULE_BYTES) / 2`. */
  readonly counters: Float64Array;
  /** Names of the accounting objects (nfacct); packets and bytes of each stand behind the first rules, from `counters[firstObject]` on. */
  readonly objects: readonly string[];
  readonly firstObject: number;
  /** The program of whose rules `StateSpec.from` speaks; 0: none. */
  readonly carriesFrom: number;
  /** Segments, shapes, buckets: `index/layout.ts`. */
  readonly index: Int32Array;
  /** Port lists, set members: whatever a test finds by offset. */
  readonly data: Int32Array;
  readonly interfaces: readonly InterfacePattern[];
  readonly states: readonly StateSpec[];
  /** Return addresses that a walk may need. */
  readonly depth: number;
  /** One word: number of the last patch that the node's thread has applied, 1 for the program itself; 0 before it is in force. */
  readonly applied: Int32Array;
}

/** A few chains of the program have changed: what the node's thread does between two batches. All of it, or it would not be sent. */
export interface Patch {
  readonly program: number;
  /** 2, 3, ...: one behind the other. */
  readonly number: number;
  /** Pairs: a place in `code`, what stands there from now on. */
  readonly words: Int32Array;
  /** Threes: an entry's number, its two words. */
  readonly entries: Int32Array;
  /** Threes: where a rule has stood, where it is now, and of how many rules one behind the other this is so. They go on counting. */
  readonly keep: Int32Array;
  /** Threes: where a rule stands, its packets and its bytes from now on. */
  readonly restart: Float64Array;
  /** Pairs: where a rule stands, and how many one behind the other count from nothing. Before `restart`. */
  readonly zero: Int32Array;
  /** Behind those that there are. */
  readonly interfaces: readonly InterfacePattern[];
  readonly objects: readonly string[];
  /** States that come, that count further than before, and that go (null), by number. */
  readonly states: readonly (readonly [number: number, StateSpec | null])[];
  /** In place of the data before, when there is more of it. */
  readonly data: Int32Array | null;
  readonly depth: number;
}

/** Shared memory, so that both sides see one array. */
export const sharedInt32 = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(length * 4));
