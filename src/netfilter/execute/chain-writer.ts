/** Writes chains, rule by rule, after it has looked whether each can be executed: for a whole program, and for the chains that change. */
import { LabError, TextError } from '../../base/errors.ts';
import { Verdict } from '../../packet/verdict.ts';
import type { Chain, Match, Rule, Target } from '../ruleset.ts';
import type { Emitter } from './emitter.ts';
import { emitHeader, never } from './matches/header.ts';
import { matchExtension } from './matches/table.ts';
import { Action, FIRST_ACTION, LENGTH_SHIFT, OP_MASK, RULE_COUNTER, RULE_HEAD, RULE_PACKETS, RULE_SEGMENT, RULE_SIZE } from './program.ts';
import { targetExtension } from './targets/table.ts';
import { Words } from './words.ts';

export interface WriterOptions {
  /** Named in errors. */
  readonly file?: string;
  /** Keep rules that cannot be executed: they never match, and a warning says so. */
  readonly lenient?: boolean;
}

export class ChainWriter {
  readonly out: Emitter;
  /** Where each rule was written, and the end of each chain. */
  readonly places = new Words(1 << 10);
  /** Where the operand of each jump was written, in the order of the rules: what stands there is for the caller. */
  readonly jumps: number[] = [];
  warnings: string[] = [];
  options: WriterOptions;

  constructor(out: Emitter, options: WriterOptions) {
    this.out = out;
    this.options = options;
  }

  /** Begins at the front again. */
  rewind(): void {
    this.out.rewind();
    this.places.length = 0;
    this.jumps.length = 0;
  }

  /**
   * @returns why the rule cannot be executed, when it is kept all the same
   * @throws LabError, TextError RULES, RULES_UNSUPPORTED when it is not
   */
  check(rule: Rule): string | undefined {
    const problem = this.#problem(rule);
    if (problem !== undefined) this.warnings.push(`${this.#where(rule)}${problem}: the rule never matches`);
    return problem;
  }

  /**
   * @param number of the rule in the program
   * @param problem what `check` said of it
   */
  rule(rule: Rule, number: number, problem: string | undefined): void {
    const { out } = this;
    const at = this.#head(number);
    if (problem !== undefined) {
      out.test(never, false);
      this.#target(rule.target && isStandard(rule.target) ? rule.target : undefined);
    } else {
      emitHeader(rule, out);
      for (const m of rule.matches) matchExtension(m)!.emit(m, out);
      this.#target(rule.target);
    }
    this.#close(at);
  }

  /** A rule as it stands elsewhere, with nothing counted. It has no states of its own and does not know its number. */
  copy(code: Int32Array, at: number, number: number): void {
    const { out } = this;
    const start = out.at;
    this.places.push(start);
    for (let i = 0; i < code[at + RULE_SIZE]!; i++) out.word(code[at + i]!);
    out.code.fill(0, start + RULE_PACKETS, start + RULE_SEGMENT);
    out.code[start + RULE_COUNTER] = number;
    out.code[start + RULE_SEGMENT] = -1;
    const jump = jumpOperand(out.code, start);
    if (jump >= 0) this.jumps.push(jump);
  }

  /** The end of a chain, which counts as a rule. */
  end({ policy }: Chain, number: number): void {
    const at = this.#head(number);
    if (policy) this.out.instruction(Action.Policy, policy === 'ACCEPT' ? Verdict.Accept : Verdict.Drop);
    else this.out.instruction(Action.End);
    this.#close(at);
  }

  #head(number: number): number {
    const { out } = this;
    const { at } = out;
    out.counter = number;
    out.used.length = 0;
    this.places.push(at);
    out.word(0);
    out.word(number);
    // Filled when the program's memory is made.
    for (let i = RULE_PACKETS; i < RULE_SEGMENT; i++) out.word(0);
    out.word(-1);
    return at;
  }

  /** Writes the size of the rule at `at`; the next one begins at an even word. */
  #close(at: number): void {
    const { out } = this;
    if ((out.at & 1) === 1) out.word(0);
    out.code[at] = out.at - at;
  }

  #target(t: Target | undefined): void {
    const { out } = this;
    if (!t) {
      out.instruction(Action.Continue);
      return;
    }
    switch (t.kind) {
      case 'ACCEPT':
        out.instruction(Action.Accept);
        break;
      case 'DROP':
        out.instruction(Action.Drop);
        break;
      case 'RETURN':
        out.instruction(Action.Return);
        break;
      case 'jump':
      case 'goto':
        out.instruction(t.kind === 'jump' ? Action.Jump : Action.Goto, 0);
        this.jumps.push(out.at - 1);
        break;
      default:
        targetExtension(t)!.emit(t, out);
    }
  }

  #problem(rule: Rule): string | undefined {
    if (rule.verbatim !== undefined) return `"${rule.verbatim}" was not understood`;
    for (const m of rule.matches) {
      const extension = matchExtension(m);
      if (!extension) return this.#unsupported(rule, `match ${nameOf(m)} cannot be executed`);
      const refusal = extension.refuse?.(m, rule, this.out.sets);
      if (refusal !== undefined) throw this.error('RULES', rule, refusal);
      const lacking = extension.unsupported?.(m);
      if (lacking !== undefined) return this.#unsupported(rule, lacking);
      const warning = extension.warn?.(m);
      if (warning !== undefined) this.warnings.push(`${this.#where(rule)}${warning}`);
    }
    const t = rule.target;
    if (!t || isStandard(t)) return undefined;
    const extension = targetExtension(t);
    if (!extension) return this.#unsupported(rule, `target ${nameOf(t)} cannot be executed`);
    const refusal = extension.refuse?.(t, rule);
    if (refusal !== undefined) throw this.error('RULES', rule, refusal);
    const lacking = extension.unsupported?.(t);
    return lacking === undefined ? undefined : this.#unsupported(rule, lacking);
  }

  #unsupported(rule: Rule, what: string): string {
    if (!this.options.lenient) throw this.error('RULES_UNSUPPORTED', rule, what);
    return what;
  }

  #where(rule: Rule): string {
    return rule.line > 0 ? `${this.options.file ?? 'rules'}:${rule.line}: ` : '';
  }

  error(code: 'RULES' | 'RULES_UNSUPPORTED', rule: Rule, message: string): LabError {
    if (rule.line === 0) return new LabError(code, message);
    return new TextError(code, { file: this.options.file ?? 'rules', line: rule.line, column: 1 }, message);
  }
}

/** Where the rule at `at` says to which chain it jumps or goes, or -1. */
export function jumpOperand(code: Int32Array, at: number): number {
  let word = at + RULE_HEAD;
  while ((code[word]! & OP_MASK) < FIRST_ACTION) word += code[word]! >>> LENGTH_SHIFT;
  const op = code[word]! & OP_MASK;
  return op === Action.Jump || op === Action.Goto ? word + 1 : -1;
}

const isStandard = (t: Target): boolean =>
  t.kind === 'ACCEPT' || t.kind === 'DROP' || t.kind === 'RETURN' || t.kind === 'jump' || t.kind === 'goto';

const nameOf = (e: Match | Target): string => (e.kind === 'extra' ? e.name : e.kind);
