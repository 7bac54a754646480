/** Compiles a rule set: checks what the kernel checks when rules are loaded, and writes the program that the node's thread runs. */
import { hookNames } from '../../packet/verdict.ts';
import { type Counters, type RuleSet, type Table, type TableName, tableNames } from '../ruleset.ts';
import { byCalls, reachable } from '../text/call-graph.ts';
import { checkTable, describeProblem, graphOf } from '../text/table-check.ts';
import { Arena } from './arena.ts';
import { ChainWriter } from './chain-writer.ts';
import { Emitter } from './emitter.ts';
import type { IpSets } from './extension.ts';
import { planSegment } from './index/build.ts';
import { LinkedChain } from './linked-chain.ts';
import { HOOKS, type Program, RULE_BYTES, RULE_PACKETS, RULE_SEGMENT, sharedInt32, TABLES } from './program.ts';
import { ProgramText } from './program-text.ts';
import { firstMask } from './state/recent-mask.ts';
import type { StateSpec } from './state/spec.ts';
import { Words } from './words.ts';

export interface CompileOptions {
  /** Named in errors. */
  readonly file?: string;
  /** Keep rules that cannot be executed: they never match, and a warning says so. */
  readonly lenient?: boolean;
  /** Sets that `-m set` names. */
  readonly sets?: IpSets;
  /** What is in force: rules that are in both (the same objects), and policies, go on counting. */
  readonly previous?: ProgramText;
  /** The policies of these chains count anew. */
  readonly restarted?: ReadonlyMap<TableName, ReadonlySet<string>>;
  /** All rules of these chains count anew. */
  readonly recounted?: ReadonlyMap<TableName, ReadonlySet<string>>;
}

export interface Compiled {
  readonly program: Program;
  readonly text: ProgramText;
  /** What a change of a few chains goes on with. */
  readonly code: Arena;
  readonly index: Arena;
  readonly writer: ChainWriter;
}

/** Accounting objects that a change may bring. */
const OBJECT_ROOM = 16;

let programs = 0;

/** @throws LabError or TextError RULES, RULES_UNSUPPORTED; nothing is in force then that was not before. */
export function compile(ruleSet: RuleSet, options: CompileOptions = {}): Compiled {
  return new Compiler(ruleSet, options).compile();
}

class Compiler {
  readonly #ruleSet: RuleSet;
  readonly #options: CompileOptions;
  readonly #out: Emitter;
  readonly #writer: ChainWriter;
  /** None stands at 0, so that a list's place can be told by its sign. */
  readonly #index = new Words(1 << 8);
  readonly #order: LinkedChain[] = [];
  readonly #live = new Map<TableName, Map<string, LinkedChain>>();
  readonly #entries = sharedInt32(2 * TABLES * HOOKS).fill(-1);
  #numbers = 0;
  #depth = 0;

  constructor(ruleSet: RuleSet, options: CompileOptions) {
    this.#ruleSet = ruleSet;
    this.#options = options;
    this.#out = new Emitter(options.sets ?? new Map(), list => firstMask(ruleSet, list));
    this.#writer = new ChainWriter(this.#out, options);
    this.#index.push(0);
  }

  compile(): Compiled {
    for (const name of tableNames) {
      const table = this.#ruleSet.tables.get(name);
      if (table) this.#table(table);
    }
    const out = this.#out;
    const objectsAt = out.at;
    for (let i = 0; i < 4 * (out.objects.length + OBJECT_ROOM); i++) out.word(0);
    const code = new Arena(out.code.subarray(0, out.at));
    const index = new Arena(this.#index.filled);
    const { previous } = this.#options;
    const carry = previous === undefined ? undefined : this.#carry(previous);
    const counters = this.#fillCounters(code.words, carry);
    const data = sharedInt32(out.data.length);
    data.set(out.data);
    const program: Program = {
      id: ++programs,
      code: code.words,
      entries: this.#entries,
      counters,
      objects: out.objects.slice(),
      firstObject: objectsAt >> 1,
      carriesFrom: previous?.programId ?? 0,
      index: index.words,
      data,
      interfaces: out.interfaces.slice(),
      states: (out.states as StateSpec[]).map(spec => (carry === undefined ? spec : { ...spec, from: carry[spec.counter]! })),
      depth: this.#depth,
      applied: sharedInt32(1),
    };
    const before = previous === undefined ? undefined : { text: previous, carry: carry! };
    const { warnings, places } = this.#writer;
    const text = new ProgramText(program, this.#ruleSet, this.#live, this.#order, places.filled.slice(), warnings, before);
    out.changedStates.clear();
    return { program, text, code, index, writer: this.#writer };
  }

  #table(table: Table): void {
    const problem = checkTable(table);
    if (problem) throw this.#writer.error('RULES', problem.rule, `table ${table.name}: ${describeProblem(problem)}`);
    // No chain calls itself, so none stands twice among the return addresses (`xt_jumpstack_alloc`, `net/netfilter/x_tables.c`).
    this.#depth = Math.max(this.#depth, table.chains.size);
    const graph = graphOf(table);
    const hooks = reachable(table, graph);
    const linked = graph.chains.map((chain, i) => new LinkedChain({ table: table.name, chain, first: 0 }, hooks[i]!));
    const live = new Map<string, LinkedChain>();
    for (const each of linked) live.set(each.text.chain.name, each);
    this.#live.set(table.name, live);
    const { jumps } = this.#writer;
    let jump = jumps.length;
    const order = byCalls(graph);
    for (const i of order) this.#chain(linked[i]!);
    const { code } = this.#out;
    // Both in the order of the rules.
    const { start, to } = graph;
    for (const i of order) {
      for (let e = start[i]!; e < start[i + 1]!; e++) {
        const callee = linked[to[e]!]!;
        code[jumps[jump++]!] = callee.start;
        callee.jumps++;
      }
    }
  }

  #chain(linked: LinkedChain): void {
    const writer = this.#writer;
    const out = this.#out;
    const { table, chain } = linked.text;
    const { rules } = chain;
    const first = this.#numbers;
    linked.text.first = first;
    linked.start = out.at;
    for (let i = 0; i < rules.length; i++) {
      writer.rule(rules[i]!, first + i, writer.check(rules[i]!));
      if (out.used.length > 0) linked.states = [...linked.states, ...out.used.flatMap(state => [i, state])];
    }
    const end = out.at;
    writer.end(chain, first + rules.length);
    linked.length = out.at - linked.start;
    this.#numbers += rules.length + 1;
    this.#order.push(linked);
    this.#segment(linked, end);
    const hook = chain.policy ? (hookNames as readonly string[]).indexOf(chain.name) : -1;
    if (hook < 0) return;
    const entry = 2 * (tableNames.indexOf(table) * HOOKS + hook);
    this.#entries[entry] = linked.start;
    this.#entries[entry + 1] = end;
  }

  #segment(linked: LinkedChain, end: number): void {
    const out = this.#out;
    const { chain, first } = linked.text;
    const plan = planSegment(chain.rules, name => out.interface({ name, prefix: false }));
    if (plan === undefined) return;
    const places = this.#writer.places.words.subarray(first, first + chain.rules.length);
    linked.segment = this.#index.length;
    linked.segmentLength = plan.length;
    this.#index.reserve(plan.length);
    plan.write(this.#index.words, linked.segment, places, end);
    for (const pc of places) out.code[pc + RULE_SEGMENT] = linked.segment;
  }

  /** Starts from the counters that the rules were loaded with; those that go on counting have theirs from before (`ProgramText`). */
  #fillCounters(code: Int32Array, carry: Int32Array | undefined): Float64Array {
    const counters = new Float64Array(code.buffer);
    const places = this.#writer.places.words;
    let n = 0;
    const fill = ({ packets, bytes }: Counters): void => {
      const at = places[n]!;
      if (carry === undefined || carry[n]! < 0) {
        counters[(at + RULE_PACKETS) >> 1] = packets;
        counters[(at + RULE_BYTES) >> 1] = bytes;
      }
      n++;
    };
    for (const { text } of this.#order) {
      for (const rule of text.chain.rules) fill(rule);
      fill(text.chain);
    }
    return counters;
  }

  /** Per rule, its number in the program before, or -1. */
  #carry(previous: ProgramText): Int32Array {
    const carry = new Int32Array(this.#numbers).fill(-1);
    const { rules, policies } = previous.byRule();
    let i = 0;
    for (const { text } of this.#order) {
      const { table, chain } = text;
      const recounted = this.#options.recounted?.get(table)?.has(chain.name);
      for (const rule of chain.rules) carry[i++] = recounted ? -1 : (rules.get(rule) ?? -1);
      const restarts = chain.policy === undefined || this.#options.restarted?.get(table)?.has(chain.name);
      carry[i++] = restarts ? -1 : (policies.get(`${table} ${chain.name}`) ?? -1);
    }
    return carry;
  }
}
