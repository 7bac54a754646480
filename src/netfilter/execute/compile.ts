/** Compiles a rule set: checks what the kernel checks when rules are loaded, and writes the program that the node's thread runs. */
import { LabError, TextError } from '../../base/errors.ts';
import { hookNames, Verdict } from '../../packet/verdict.ts';
import { type Chain, type Counters, type Match, type Rule, type RuleSet, type Table, type Target, tableNames } from '../ruleset.ts';
import { checkTable, describeProblem } from '../text/table-check.ts';
import { Emitter } from './emitter.ts';
import type { IpSets } from './extension.ts';
import { buildSegment } from './index/build.ts';
import { emitHeader, never } from './matches/header.ts';
import { matchExtension } from './matches/table.ts';
import { Action, HOOKS, type Program, RULE_BYTES, RULE_PACKETS, RULE_SEGMENT, sharedInt32, TABLES } from './program.ts';
import { type ChainText, ProgramText } from './program-text.ts';
import { targetExtension } from './targets/table.ts';
import { Words } from './words.ts';

export interface CompileOptions {
  /** Named in errors. */
  readonly file?: string;
  /** Keep rules that cannot be executed: they never match, and a warning says so. */
  readonly lenient?: boolean;
  /** Sets that `-m set` names. */
  readonly sets?: IpSets;
  /** What is in force: rules that are in both (the same objects) go on counting. */
  readonly previous?: ProgramText;
}

export interface Compiled {
  readonly program: Program;
  readonly text: ProgramText;
}

let programs = 0;

/** @throws LabError or TextError RULES, RULES_UNSUPPORTED; nothing is in force then that was not before. */
export function compile(ruleSet: RuleSet, options: CompileOptions = {}): Compiled {
  const compiler = new Compiler(ruleSet, options);
  return compiler.compile();
}

class Compiler {
  readonly #ruleSet: RuleSet;
  readonly #options: CompileOptions;
  readonly #out: Emitter;
  readonly #warnings: string[] = [];
  readonly #chains: ChainText[] = [];
  readonly #entries = sharedInt32(2 * TABLES * HOOKS).fill(-1);
  readonly #places = new Words(1 << 10);
  #counters = 0;
  #depth = 0;

  constructor(ruleSet: RuleSet, options: CompileOptions) {
    this.#ruleSet = ruleSet;
    this.#options = options;
    this.#out = new Emitter(options.sets ?? new Map());
  }

  compile(): Compiled {
    for (const name of tableNames) {
      const table = this.#ruleSet.tables.get(name);
      if (table) this.#table(table);
    }
    const id = ++programs;
    const code = this.#code();
    const counters = this.#fillCounters(code);
    const carry = this.#carry();
    const program: Program = {
      id,
      code,
      entries: this.#entries,
      counters,
      objects: this.#out.objects,
      places: shared(this.#places.filled),
      firstObject: this.#out.at >> 1,
      carry,
      carriesFrom: this.#options.previous?.programId ?? 0,
      index: shared(this.#out.index.filled),
      data: shared(this.#out.data),
      interfaces: this.#out.interfaces,
      states: this.#out.states,
      depth: this.#depth,
    };
    return { program, text: new ProgramText(program, this.#ruleSet, this.#chains, this.#warnings) };
  }

  #table(table: Table): void {
    const problem = checkTable(table);
    if (problem) throw this.#error('RULES', problem.rule, `table ${table.name}: ${describeProblem(problem)}`);
    // No chain calls itself, so none stands twice among the return addresses (`xt_jumpstack_alloc`, `net/netfilter/x_tables.c`).
    this.#depth = Math.max(this.#depth, table.chains.size);
    const jumps: number[] = [];
    const callees: Caller[] = [];
    for (const { chain, start, callees: called } of byCalls(table)) {
      start.at = this.#out.at;
      for (const callee of called) callees.push(callee);
      this.#chains.push({ table: table.name, chain, first: this.#counters });
      const pcs = new Int32Array(chain.rules.length);
      for (let i = 0; i < pcs.length; i++) pcs[i] = this.#rule(chain.rules[i]!, jumps);
      const end = this.#out.at;
      this.#end(chain);
      this.#index(chain, pcs, end);
      const hook = chain.policy ? (hookNames as readonly string[]).indexOf(chain.name) : -1;
      if (hook >= 0) {
        const entry = 2 * (tableNames.indexOf(table.name) * HOOKS + hook);
        this.#entries[entry] = start.at;
        this.#entries[entry + 1] = end;
      }
    }
    // Both in the order of the rules.
    for (let i = 0; i < jumps.length; i++) this.#out.code[jumps[i]!] = callees[i]!.start.at;
  }

  #head(): number {
    const at = this.#out.at;
    this.#out.counter = this.#counters;
    this.#places.push(at);
    this.#out.word(0);
    this.#out.word(this.#counters++);
    // Filled when the program's memory is made.
    for (let i = RULE_PACKETS; i < RULE_SEGMENT; i++) this.#out.word(0);
    this.#out.word(-1);
    return at;
  }

  /** @returns where it stands */
  #rule(rule: Rule, jumps: number[]): number {
    const at = this.#head();
    const problem = this.#problem(rule);
    if (problem !== undefined) {
      this.#warnings.push(`${this.#where(rule)}${problem}: the rule never matches`);
      this.#out.test(never, false);
      this.#target(rule.target && isStandard(rule.target) ? rule.target : undefined, jumps);
    } else {
      emitHeader(rule, this.#out);
      for (const m of rule.matches) matchExtension(m)!.emit(m, this.#out);
      this.#target(rule.target, jumps);
    }
    this.#close(at);
    return at;
  }

  #index(chain: Chain, pcs: Int32Array, end: number): void {
    const out = this.#out;
    const segment = buildSegment(chain.rules, pcs, end, name => out.interface({ name, prefix: false }), out.index);
    if (segment < 0) return;
    for (const pc of pcs) out.code[pc + RULE_SEGMENT] = segment;
  }

  /** Why the rule cannot be executed, when it is kept all the same. @throws when it is not. */
  #problem(rule: Rule): string | undefined {
    if (rule.verbatim !== undefined) return `"${rule.verbatim}" was not understood`;
    for (const m of rule.matches) {
      const extension = matchExtension(m);
      if (!extension) return this.#unsupported(rule, `match ${nameOf(m)} cannot be executed`);
      const refusal = extension.refuse?.(m, rule, this.#out.sets);
      if (refusal !== undefined) throw this.#error('RULES', rule, refusal);
      const lacking = extension.unsupported?.(m);
      if (lacking !== undefined) return this.#unsupported(rule, lacking);
      const warning = extension.warn?.(m);
      if (warning !== undefined) this.#warnings.push(`${this.#where(rule)}${warning}`);
    }
    const t = rule.target;
    if (!t || isStandard(t)) return undefined;
    const extension = targetExtension(t);
    if (!extension) return this.#unsupported(rule, `target ${nameOf(t)} cannot be executed`);
    const refusal = extension.refuse?.(t, rule);
    if (refusal !== undefined) throw this.#error('RULES', rule, refusal);
    const lacking = extension.unsupported?.(t);
    return lacking === undefined ? undefined : this.#unsupported(rule, lacking);
  }

  #unsupported(rule: Rule, what: string): string {
    if (!this.#options.lenient) throw this.#error('RULES_UNSUPPORTED', rule, what);
    return what;
  }

  #target(t: Target | undefined, jumps: number[]): void {
    const out = this.#out;
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
        jumps.push(out.at - 1);
        break;
      default:
        targetExtension(t)!.emit(t, out);
    }
  }

  #end(chain: Chain): void {
    const at = this.#head();
    if (chain.policy) this.#out.instruction(Action.Policy, chain.policy === 'ACCEPT' ? Verdict.Accept : Verdict.Drop);
    else this.#out.instruction(Action.End);
    this.#close(at);
  }

  /** Writes the size of the rule at `at`; the next one begins at an even word. */
  #close(at: number): void {
    if ((this.#out.at & 1) === 1) this.#out.word(0);
    this.#out.code[at] = this.#out.at - at;
  }

  /** The rules, and behind them two float64 for each accounting object. */
  #code(): Int32Array {
    const code = sharedInt32(this.#out.at + 4 * this.#out.objects.length);
    code.set(this.#out.code.subarray(0, this.#out.at));
    return code;
  }

  /** Starts from the counters that the rules were loaded with. */
  #fillCounters(code: Int32Array): Float64Array {
    const counters = new Float64Array(code.buffer);
    const places = this.#places.words;
    let n = 0;
    const fill = ({ packets, bytes }: Counters): void => {
      const at = places[n++]!;
      counters[(at + RULE_PACKETS) >> 1] = packets;
      counters[(at + RULE_BYTES) >> 1] = bytes;
    };
    for (const { chain } of this.#chains) {
      for (const rule of chain.rules) fill(rule);
      fill(chain);
    }
    return counters;
  }

  #carry(): Int32Array {
    const carry = sharedInt32(this.#options.previous ? this.#counters : 0).fill(-1);
    if (!this.#options.previous) return carry;
    const before = this.#options.previous.byRule();
    let i = 0;
    for (const { table, chain } of this.#chains) {
      for (const rule of chain.rules) carry[i++] = before.rules.get(rule) ?? -1;
      carry[i++] = chain.policy ? (before.policies.get(`${table} ${chain.name}`) ?? -1) : -1;
    }
    return carry;
  }

  #where(rule: Rule): string {
    return rule.line > 0 ? `${this.#options.file ?? 'rules'}:${rule.line}: ` : '';
  }

  #error(code: 'RULES' | 'RULES_UNSUPPORTED', rule: Rule, message: string): LabError {
    if (rule.line === 0) return new LabError(code, message);
    return new TextError(code, { file: this.#options.file ?? 'rules', line: rule.line, column: 1 }, message);
  }
}

/** A chain, and the chains that its rules jump or go to, in their order. */
interface Caller {
  readonly chain: Chain;
  readonly start: { at: number };
  readonly callees: Caller[];
}

/** Chains with what they call next to them: a packet's way through them then stays close together in memory. */
function byCalls(table: Table): Iterable<Caller> {
  const callers = new Map<string, Caller>();
  for (const chain of table.chains.values()) callers.set(chain.name, { chain, start: { at: 0 }, callees: [] });
  const order = new Set<Caller>();
  for (const first of callers.values()) {
    const waiting = [first];
    for (let caller = waiting.pop(); caller; caller = waiting.pop()) {
      if (order.has(caller)) continue;
      order.add(caller);
      for (const { target } of caller.chain.rules) {
        if (target?.kind === 'jump' || target?.kind === 'goto') caller.callees.push(callers.get(target.chain)!);
      }
      for (let i = caller.callees.length - 1; i >= 0; i--) waiting.push(caller.callees[i]!);
    }
  }
  return order;
}

const isStandard = (t: Target): boolean =>
  t.kind === 'ACCEPT' || t.kind === 'DROP' || t.kind === 'RETURN' || t.kind === 'jump' || t.kind === 'goto';

const nameOf = (e: Match | Target): string => (e.kind === 'extra' ? e.name : e.kind);

function shared(words: Int32Array): Int32Array {
  const copy = sharedInt32(words.length);
  copy.set(words);
  return copy;
}
