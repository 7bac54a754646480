/**
 * The walk told in full, for eyes: every rule that is tried, with the test on which it failed. The same program, without the index and
 * without hurry. An onlooker may settle a test itself: what nobody can know (where a packet leaves when no route was given) makes a
 * rule undecided, which is then walked past; a random choice may be forced.
 */
import type { Packet } from '../../packet/packet.ts';
import { Verdict } from '../../packet/verdict.ts';
import type { Match, Rule } from '../ruleset.ts';
import { Emitter } from './emitter.ts';
import { CONTINUE, type Execution } from './execution.ts';
import type { IpSets } from './extension.ts';
import {
  destination,
  destinationIs,
  emitHeader,
  fragment,
  inInterface,
  outInterface,
  protocol,
  source,
  sourceIs,
} from './matches/header.ts';
import { matchExtension, tests } from './matches/table.ts';
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
  RULE_SIZE,
} from './program.ts';
import { acts } from './targets/table.ts';
import { drop, Walker } from './walk.ts';
import { NOWHERE, nextRule } from './way.ts';

/** `counter` is the rule's; `depth` counts the chains that were called; `at` is where in the rule, in words from its start, a test stands. */
export interface Onlooker {
  /** Settles a test: it passes, it fails, or nobody can know. Undefined: it is run. */
  settle(x: Execution, p: Packet, counter: number, at: number): boolean | 'undecided' | undefined;
  missed(x: Execution, p: Packet, counter: number, depth: number, at: number): void;
  /** All other tests have passed. The walk goes on as if the rule did not match. */
  undecided(x: Execution, p: Packet, counter: number, depth: number, at: number): void;
  /** All tests have passed; the target comes next. */
  matched(x: Execution, p: Packet, counter: number, depth: number): void;
  /** The target has run, and was none of the walk's own. `verdict`: CONTINUE or `Verdict`. */
  acted(x: Execution, p: Packet, counter: number, verdict: number): void;
  ended(x: Execution, p: Packet, counter: number, depth: number): void;
  policy(x: Execution, p: Packet, counter: number, verdict: Verdict): void;
}

/** How the tests of one rule came out: all passed, or where the first stands that failed or that nobody can know. */
const Outcome = { Passed: -1, Hotdrop: -2 } as const;

export class ExplainingWalker extends Walker {
  readonly #x: Execution;
  readonly #onlooker: Onlooker;

  constructor(x: Execution, code: Int32Array, counters: Float64Array, depth: number, onlooker: Onlooker) {
    super(x, code, counters, depth, null);
    this.#x = x;
    this.#onlooker = onlooker;
  }

  override walk(p: Packet, start: number, policy: number): Verdict {
    const { code, counters } = this;
    const x = this.#x;
    const onlooker = this.#onlooker;
    const stack: number[] = [];
    let rule = start;
    for (;;) {
      const counter = code[rule + RULE_COUNTER]!;
      if ((code[rule + RULE_HEAD]! & OP_MASK) === Action.Moved) {
        rule = counter;
        continue;
      }
      const outcome = this.#try(p, rule, counter, stack.length);
      if (outcome === Outcome.Hotdrop) return drop(p);
      if (outcome !== Outcome.Passed) {
        rule += code[rule + RULE_SIZE]!;
        continue;
      }
      const at = this.#actionOf(rule);
      const op = code[at]! & OP_MASK;
      if (op !== Action.End) {
        counters[(rule + RULE_PACKETS) >> 1]! += 1;
        counters[(rule + RULE_BYTES) >> 1]! += p.end - p.l3;
      }
      if (op === Action.End) onlooker.ended(x, p, counter, stack.length);
      else if (op === Action.Policy) onlooker.policy(x, p, counter, code[at + 1] as Verdict);
      else onlooker.matched(x, p, counter, stack.length);
      const next = nextRule(op, code, rule, at, stack, policy);
      if (next !== NOWHERE) {
        rule = next;
        continue;
      }
      if (op === Action.Accept || (op === Action.Policy && code[at + 1] === Verdict.Accept)) return Verdict.Accept;
      if (op === Action.Drop || op === Action.Policy) return drop(p);
      const verdict = acts[op - FIRST_TARGET]!(x, p, code, at);
      onlooker.acted(x, p, counter, verdict);
      if (verdict === Verdict.Drop) return drop(p);
      if (verdict !== CONTINUE) return verdict as Verdict;
      rule += code[rule + RULE_SIZE]!;
    }
  }

  #actionOf(rule: number): number {
    let at = rule + RULE_HEAD;
    while ((this.code[at]! & OP_MASK) < FIRST_ACTION) at += this.code[at]! >>> LENGTH_SHIFT;
    return at;
  }

  /** @returns an Outcome, or where the test stands that keeps the rule from matching. */
  #try(p: Packet, rule: number, counter: number, depth: number): number {
    const { code } = this;
    const x = this.#x;
    let unknown = -1;
    for (let at = rule + RULE_HEAD; (code[at]! & OP_MASK) < FIRST_ACTION; at += code[at]! >>> LENGTH_SHIFT) {
      const settled = this.#onlooker.settle(x, p, counter, at - rule) ?? tests[code[at]! & OP_MASK]!(x, p, code, at);
      if (settled === true) continue;
      if (settled === 'undecided') {
        if (unknown < 0) unknown = at - rule;
        continue;
      }
      this.#onlooker.missed(x, p, counter, depth, at - rule);
      return x.hotdrop ? Outcome.Hotdrop : at - rule;
    }
    if (unknown < 0) return Outcome.Passed;
    this.#onlooker.undecided(x, p, counter, depth, unknown);
    return unknown;
  }
}

/** The part of a rule that a test comes from. */
export type RulePart =
  | { readonly part: 'source' | 'destination' | 'in' | 'out' | 'protocol' | 'fragment' | 'never' }
  | { readonly part: 'match'; readonly match: Match };

const headerParts = new Map([
  [source, 'source'],
  [sourceIs, 'source'],
  [destination, 'destination'],
  [destinationIs, 'destination'],
  [inInterface, 'in'],
  [outInterface, 'out'],
  [protocol, 'protocol'],
  [fragment, 'fragment'],
] as const);

/** Finds the part of a rule by the place of its test, by writing the rule's tests once more. */
export class RuleParts {
  readonly #out: Emitter;

  constructor(sets: IpSets = new Map()) {
    this.#out = new Emitter(sets);
  }

  /** @param at in words from the rule's start */
  at(rule: Rule, at: number): RulePart {
    const out = this.#out;
    const start = out.at;
    const place = start + at - RULE_HEAD;
    if (rule.verbatim !== undefined) return { part: 'never' };
    emitHeader(rule, out);
    if (place < out.at) {
      const part = headerParts.get(tests[out.code[place]! & OP_MASK]! as typeof source);
      return { part: part ?? 'never' };
    }
    for (const match of rule.matches) {
      const extension = matchExtension(match);
      // A rule that cannot be executed has one test, which never passes.
      if (!extension || extension.unsupported?.(match) !== undefined) return { part: 'never' };
      extension.emit(match, out);
      if (place < out.at) return { part: 'match', match };
    }
    return { part: 'never' };
  }
}
