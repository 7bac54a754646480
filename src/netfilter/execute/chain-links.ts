/**
 * Who jumps where: takes chains that were written beside the program into it, and lists what the node's thread has to do for that. A jump
 * holds the place of its chain. When a chain moves, the rules that did not change still go to where it stood, and are sent on from there;
 * the rest of its old place is free, and that too when nobody goes there any more. Cold side.
 */
import { hookNames } from '../../packet/verdict.ts';
import { type Chain, type Rule, tableNames } from '../ruleset.ts';
import { jumpOperand } from './chain-writer.ts';
import { LinkedChain } from './linked-chain.ts';
import { Action, HOOKS, LENGTH_SHIFT, MOVED_SIZE, RULE_COUNTER, RULE_HEAD, RULE_SEGMENT } from './program.ts';
import type { Memory, Rewritten } from './rewrite.ts';

export class ChainLinks {
  readonly #memory: Memory;
  /** By number of the state: how many tests use it. */
  readonly #uses: number[] = [];
  #number = 0;
  /** As in `Patch`. */
  words: number[] = [];
  entries: number[] = [];
  keep: number[] = [];
  restart: number[] = [];
  zero: number[] = [];

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** @param chains that the program came with */
  know(chains: Iterable<LinkedChain>): void {
    for (const { states } of chains) if (states.length > 0) this.#use(states, 1);
  }

  /** @param number of the patch that is being made */
  begin(number: number): void {
    this.#number = number;
    this.#memory.text.begin(number);
    this.words = [];
    this.entries = [];
    this.keep = [];
    this.restart = [];
    this.zero = [];
  }

  replace(written: readonly Rewritten[], gone: readonly LinkedChain[]): void {
    // New uses first: what has a name and is used before and after stays.
    for (const { states } of written) this.#use(states, 1);
    for (const { before } of written) if (before !== undefined) this.#release(before);
    for (const chain of gone) this.#release(chain);
    const linked = written.map(each => this.#move(each));
    for (const [i, { jumps }] of written.entries()) this.#link(linked[i]!, jumps);
    for (const chain of gone) this.#remove(chain);
  }

  /** The rules say the same: those that are other objects count anew. */
  restate(linked: LinkedChain, chain: Chain): void {
    const { text } = this.#memory;
    const { first } = linked.text;
    const before = linked.text.chain.rules;
    text.reword(linked, chain);
    for (let i = 0; i < before.length; i++) {
      if (before[i] !== chain.rules[i]) this.recount(first + i, chain.rules[i]!);
    }
  }

  /** All rules of a chain that stands where it stood count anew. */
  recountAll({ text: { chain, first } }: LinkedChain): void {
    const { text } = this.#memory;
    const { rules } = chain;
    if (rules.length === 0) return;
    this.zero.push(text.place(first), rules.length);
    text.zero(first, rules.length);
    for (let i = 0; i < rules.length; i++) if (rules[i]!.packets !== 0 || rules[i]!.bytes !== 0) this.recount(first + i, rules[i]!);
  }

  /** The counters of a rule or a policy start with these. */
  recount(number: number, { packets, bytes }: { readonly packets: number; readonly bytes: number }): void {
    const { text } = this.#memory;
    this.restart.push(text.place(number), packets, bytes);
    text.restart(number, { packets, bytes });
  }

  /** Its jumps and states are used no more. */
  #release({ text, states }: LinkedChain): void {
    const { code, text: all } = this.#memory;
    const live = all.live(text.table);
    const { rules } = text.chain;
    for (let i = 0; i < rules.length; i++) {
      const target = jumpTarget(rules[i]!);
      if (target === undefined) continue;
      const at = code.words[jumpOperand(code.words, all.place(text.first + i))]!;
      this.#forget(live.get(target)!, at);
    }
    this.#use(states, -1);
  }

  /** One jump less to the chain, or to where it stood. */
  #forget(linked: LinkedChain, at: number): void {
    if (at === linked.start) {
      linked.jumps--;
      return;
    }
    const place = linked.moved.find(p => p.at === at)!;
    if (--place.jumps > 0) return;
    linked.moved = linked.moved.filter(p => p !== place);
    this.#memory.code.leave(at, MOVED_SIZE, this.#number);
  }

  #move(each: Rewritten): LinkedChain {
    const { text, code, index } = this.#memory;
    const { chain, table, before, places } = each;
    const linked = before ?? new LinkedChain({ table, chain, first: 0 });
    if (before !== undefined) {
      if (before.jumps > 0) {
        before.moved = [...before.moved, { at: before.start, jumps: before.jumps }];
        code.leave(before.start + MOVED_SIZE, before.length - MOVED_SIZE, this.#number);
      } else {
        code.leave(before.start, before.length, this.#number);
      }
      if (before.segment >= 0) index.leave(before.segment, before.segmentLength, this.#number);
    }
    text.renumber(linked, chain, places);
    this.#keep(each, linked.text.first);
    linked.start = each.start;
    linked.length = each.length;
    linked.jumps = 0;
    linked.segment = each.segment;
    linked.segmentLength = each.segmentLength;
    linked.states = each.states;
    for (const { at } of linked.moved) {
      this.words.push(at + RULE_COUNTER, each.start, at + RULE_SEGMENT, -1, at + RULE_HEAD, Action.Moved | (1 << LENGTH_SHIFT));
    }
    if (before === undefined) text.put(linked);
    const hook = chain.policy ? (hookNames as readonly string[]).indexOf(chain.name) : -1;
    if (hook >= 0) this.entries.push(tableNames.indexOf(table) * HOOKS + hook, each.start, places.at(-1)!);
    return linked;
  }

  /** Rules that stand elsewhere now go on counting: runs of them at once. */
  #keep({ from, places, recounted }: Rewritten, number: number): void {
    const { text } = this.#memory;
    for (let i = recounted ? from.length - 1 : 0; i < from.length; ) {
      const first = i;
      i++;
      if (from[first]! < 0) continue;
      while (i < from.length && from[i] === from[i - 1]! + 1) i++;
      this.keep.push(text.place(from[first]!), places[first]!, i - first);
      text.keep(from[first]!, number + first, i - first);
    }
  }

  /** Fills in the places of the chains that its rules lead to. */
  #link({ text }: LinkedChain, jumps: readonly number[]): void {
    const { code, text: all } = this.#memory;
    const live = all.live(text.table);
    let n = 0;
    for (const rule of text.chain.rules) {
      const target = jumpTarget(rule);
      if (target === undefined) continue;
      const linked = live.get(target)!;
      code.words[jumps[n++]!] = linked.start;
      linked.jumps++;
    }
  }

  #remove(chain: LinkedChain): void {
    const { text, code, index } = this.#memory;
    text.remove(chain);
    code.leave(chain.start, chain.length, this.#number);
    if (chain.segment >= 0) index.leave(chain.segment, chain.segmentLength, this.#number);
  }

  /** @param states as in `LinkedChain`. @param times 1 or -1 */
  #use(states: readonly number[], times: number): void {
    for (let i = 1; i < states.length; i += 2) {
      const state = states[i]!;
      const uses = (this.#uses[state] ?? 0) + times;
      this.#uses[state] = uses;
      if (uses === 0) this.#memory.writer.out.dropState(state);
    }
  }
}

function jumpTarget({ target }: Rule): string | undefined {
  return target?.kind === 'jump' || target?.kind === 'goto' ? target.chain : undefined;
}
