/** A packet's way through the chains of one table: `ipt_do_table`, `net/ipv4/netfilter/ip_tables.c`. */
import { DropReason } from '../../base/drop-reason.ts';
import type { Packet } from '../../packet/packet.ts';
import { Verdict } from '../../packet/verdict.ts';
import type { Execution } from './execution.ts';
import { CONTINUE } from './execution.ts';
import { findRule } from './index/find.ts';
import { passes } from './matches/table.ts';
import {
  Action,
  FIRST_ACTION,
  FIRST_TARGET,
  LENGTH_SHIFT,
  OP_MASK,
  RULE_BYTES,
  RULE_COUNTER,
  RULE_HEAD,
  RULE_PACKETS,
  RULE_SEGMENT,
  RULE_SIZE,
} from './program.ts';
import { acts } from './targets/table.ts';
import type { Tracer } from './tracer.ts';

export class Walker {
  readonly code: Int32Array;
  readonly counters: Float64Array;
  #stack: Int32Array;
  readonly #x: Execution;
  /** Null: every rule is tried, the meaning that the index keeps to. */
  readonly #index: Int32Array | null;
  tracer: Tracer | null = null;

  constructor(x: Execution, code: Int32Array, counters: Float64Array, depth: number, index: Int32Array | null) {
    this.#x = x;
    this.#index = index;
    this.code = code;
    this.counters = counters;
    this.#stack = new Int32Array(depth);
  }

  /** Between two walks. */
  deepen(depth: number): void {
    if (depth > this.#stack.length) this.#stack = new Int32Array(depth);
  }

  /** @param start where the chain begins. @param policy where its policy stands. */
  walk(p: Packet, start: number, policy: number): Verdict {
    const { code, counters } = this;
    const stack = this.#stack;
    const x = this.#x;
    const tracer = this.tracer;
    // A packet without a whole transport header may be dropped by a rule that asks for its ports.
    const index = x.whole ? this.#index : null;
    let depth = 0;
    let bytes = p.end - p.l3;
    let rule = start;
    for (;;) {
      if (index !== null) {
        const segment = code[rule + RULE_SEGMENT]!;
        if (segment >= 0) rule = findRule(index, segment, x, rule);
      }
      let at = rule + RULE_HEAD;
      let word = code[at]!;
      let op = word & OP_MASK;
      while (op < FIRST_ACTION && passes(op, x, p, code, at)) {
        at += word >>> LENGTH_SHIFT;
        word = code[at]!;
        op = word & OP_MASK;
      }
      if (op < FIRST_ACTION) {
        if (x.hotdrop) return drop(p);
        rule += code[rule + RULE_SIZE]!;
        continue;
      }
      if (op !== Action.End) {
        const packets = (rule + RULE_PACKETS) >> 1;
        counters[packets]! += 1;
        counters[packets + ((RULE_BYTES - RULE_PACKETS) >> 1)]! += bytes;
      }
      if (tracer !== null) trace(tracer, x, p, op, code[rule + RULE_COUNTER]!, code[at + 1]!);
      switch (op) {
        case Action.Continue:
          break;
        case Action.Accept:
          return Verdict.Accept;
        case Action.Drop:
          return drop(p);
        case Action.Return:
        case Action.End:
          if (depth === 0) {
            rule = policy;
            continue;
          }
          rule = stack[--depth]!;
          break;
        case Action.Jump: {
          const to = code[at + 1]!;
          // An empty chain, as kube-proxy keeps some: nobody is told, and nothing counted, at its end.
          if ((code[to + RULE_HEAD]! & OP_MASK) === Action.End && tracer === null) break;
          stack[depth++] = rule;
          rule = to;
          continue;
        }
        case Action.Goto:
          rule = code[at + 1]!;
          continue;
        case Action.Policy:
          return code[at + 1] === Verdict.Accept ? Verdict.Accept : drop(p);
        case Action.Moved:
          // What was counted above counts for nobody.
          rule = code[rule + RULE_COUNTER]!;
          continue;
        default: {
          const verdict = acts[op - FIRST_TARGET]!(x, p, code, at);
          if (verdict === Verdict.Drop) return drop(p);
          if (verdict !== CONTINUE) return verdict as Verdict;
          bytes = p.end - p.l3; // a target may have made it longer
        }
      }
      rule += code[rule + RULE_SIZE]!;
    }
  }
}

/** Whoever dropped it for a reason of its own has noted that. */
export function drop(p: Packet): Verdict {
  if (p.reason === DropReason.None) p.reason = DropReason.NetfilterDrop;
  return Verdict.Drop;
}

function trace(tracer: Tracer, x: Execution, p: Packet, op: number, counter: number, operand: number): void {
  if (op === Action.End) tracer.end(p, x.hook, counter);
  else if (op === Action.Policy) tracer.policy(p, x.hook, counter, operand as Verdict);
  else if (op !== Action.Moved) tracer.rule(p, x.hook, counter);
}
