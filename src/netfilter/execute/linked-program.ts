/**
 * A program in force, on the cold side, of which a few chains change: these are written where nobody goes yet, and a `Patch` tells the node's
 * thread to go there between two batches. What did not change stays where it is, with its numbers, counters and states. A change costs
 * time by what it changes. Where there is no room left, or when most numbers belong to rules that are gone, the whole is compiled anew.
 */
import { VersionedMap } from '../../base/versioned-map.ts';
import { type Chain, type Rule, type RuleSet, type Table, type TableName, tableNames } from '../ruleset.ts';
import { reachable } from '../text/call-graph.ts';
import { checkChange } from '../text/change-check.ts';
import { changedRules } from '../text/changed-rules.ts';
import type { KnownRules } from '../text/read.ts';
import { sameRule } from '../text/rule-printer.ts';
import { checkTable, describeProblem, graphOf, type TableProblem } from '../text/table-check.ts';
import { ChainLinks } from './chain-links.ts';
import type { WriterOptions } from './chain-writer.ts';
import type { Compiled } from './compile.ts';
import type { LinkedChain } from './linked-chain.ts';
import { type Patch, type Program, sharedInt32 } from './program.ts';
import type { ProgramText } from './program-text.ts';
import { type Memory, type Rewritten, rewrite } from './rewrite.ts';

export interface ChangeOptions extends WriterOptions {
  /** The policies of these chains count anew. */
  readonly restarted?: ChainNames;
  /** All rules of these chains count anew, those that are the same objects as before too. */
  readonly recounted?: ChainNames;
  /** Look whether it would be taken, and leave everything as it is. */
  readonly test?: boolean;
}

type ChainNames = ReadonlyMap<TableName, ReadonlySet<string>>;
const has = (names: ChainNames | undefined, table: TableName, chain: string): boolean => names?.get(table)?.has(chain) ?? false;

export interface Change {
  /** Null: nothing to do for the node's thread. */
  readonly patch: Patch | null;
  readonly warnings: readonly string[];
}

/** One chain that is not what it was. */
interface Changed {
  readonly table: TableName;
  readonly name: string;
  readonly before: LinkedChain | undefined;
  /** Undefined: it is deleted. */
  readonly after: Chain | undefined;
}

/** So many rules of a chain are compared by their words: those that kube-proxy writes each time stay in their place. */
const COMPARED = 64;
/** Numbers of rules that are gone, beyond so many times those that are there. */
const GONE = { times: 2, more: 200_000 } as const;

export class LinkedProgram implements KnownRules {
  readonly program: Program;
  readonly text: ProgramText;
  readonly #memory: Memory;
  readonly #links: ChainLinks;
  readonly #objectRoom: number;
  /** Per table that was looked at, what `checkChange` has found. */
  readonly #grown = new WeakMap<Table, ReadonlyMap<string, number>>();
  #number = 1;
  #sentInterfaces: number;
  #sentData: number;
  #depth: number;
  #liveNumbers: number;

  constructor({ program, text, code, index, writer }: Compiled) {
    this.program = program;
    this.text = text;
    this.#memory = { code, counters: program.counters, index, writer, text };
    this.#links = new ChainLinks(this.#memory);
    for (const name of tableNames) this.#links.know(text.live(name).values());
    this.#objectRoom = 16 + program.objects.length;
    this.#sentInterfaces = program.interfaces.length;
    this.#sentData = program.data.length;
    this.#depth = program.depth;
    this.#liveNumbers = text.numbers;
  }

  references(table: TableName, chain: string): number {
    return this.text.live(table).get(chain)?.references ?? 0;
  }

  readonly check = (table: Table): TableProblem | undefined => {
    if (this.#grown.has(table)) return undefined;
    const changes = changesOf(this.text.ruleSet.tables.get(table.name), table);
    if (changes === undefined) return checkTable(table);
    const live = this.text.live(table.name);
    const known = { references: (c: string) => live.get(c)?.references ?? 0, hooks: (c: string) => live.get(c)?.hooks ?? 0 };
    const grown = checkChange(table, changes, known);
    if (grown === undefined) return checkTable(table);
    this.#grown.set(table, grown);
    return undefined;
  };

  /**
   * @returns undefined when the rule set is to be compiled as a whole
   * @throws LabError, TextError RULES, RULES_UNSUPPORTED: then nothing has changed
   */
  change(ruleSet: RuleSet, options: ChangeOptions = {}): Change | undefined {
    const { text } = this;
    const { writer } = this.#memory;
    writer.options = options;
    writer.warnings = [];
    if (text.numbers - this.#liveNumbers > GONE.times * this.#liveNumbers + GONE.more) return undefined;
    const changed: Changed[] = [];
    for (const name of tableNames) {
      const before = text.ruleSet.tables.get(name);
      const after = ruleSet.tables.get(name);
      if (before === after) continue;
      const changes = after && changesOf(before, after);
      if (changes === undefined) return undefined;
      const problem = this.check(after!);
      if (problem) throw writer.error('RULES', problem.rule, `table ${name}: ${describeProblem(problem)}`);
      const live = text.live(name);
      for (const chain of changes.keys())
        changed.push({ table: name, name: chain, before: live.get(chain), after: after!.chains.get(chain) });
    }
    const problems = this.#problems(changed);
    if (options.test) return { patch: null, warnings: writer.warnings };
    const { warnings } = writer;
    const patch = this.#make(ruleSet, changed, problems, options);
    return patch === undefined ? undefined : { patch, warnings };
  }

  /** Looks at every rule that has come. */
  #problems(changed: readonly Changed[]): ReadonlyMap<Rule, string> {
    const { writer } = this.#memory;
    const problems = new Map<Rule, string>();
    for (const { before, after } of changed) {
      for (const rule of changedRules(before?.text.chain.rules ?? [], after?.rules ?? []).come) {
        const problem = writer.check(rule);
        if (problem !== undefined) problems.set(rule, problem);
      }
    }
    return problems;
  }

  #make(
    ruleSet: RuleSet,
    changed: readonly Changed[],
    problems: ReadonlyMap<Rule, string>,
    { restarted, recounted }: ChangeOptions,
  ): Patch | null | undefined {
    const { program, text } = this;
    const { code, index, writer } = this.#memory;
    const applied = Atomics.load(program.applied, 0);
    code.settle(applied);
    index.settle(applied);
    const stayed: Changed[] = [];
    const gone: LinkedChain[] = [];
    const written: Rewritten[] = [];
    let number = text.numbers;
    for (const { before, after } of changed) if (after === undefined) gone.push(before!);
    for (const each of changed) {
      const { table, name, before, after } = each;
      if (after === undefined) continue;
      if (before !== undefined && staysInPlace(before, after)) {
        stayed.push(each);
        continue;
      }
      const restarts = has(restarted, table, name);
      const renamed = before === undefined ? gone.find(({ text }) => text.table === table && isSame(text.chain, after)) : undefined;
      const made = rewrite(after, table, before, renamed, number, restarts, has(recounted, table, name), problems, this.#memory);
      if (made === undefined) return undefined;
      number += made.places.length;
      written.push(made);
    }
    if (writer.out.objects.length > this.#objectRoom) return undefined;
    const links = this.#links;
    links.begin(++this.#number);
    for (const { before, places } of written) this.#liveNumbers += places.length - (before === undefined ? 0 : numbersOf(before));
    for (const chain of gone) this.#liveNumbers -= numbersOf(chain);
    links.replace(written, gone);
    for (const { before, after } of stayed) links.restate(before!, after!);
    const anew = new Set(written.map(({ chain }) => chain));
    this.#restartPolicies(ruleSet, restarted ?? new Map(), anew);
    this.#recount(recounted ?? new Map(), anew);
    for (const table of new Set(changed.map(each => each.table))) this.#noteHooks(ruleSet.tables.get(table)!);
    text.follow(ruleSet, writer.out.objects.slice());
    return this.#patch(ruleSet);
  }

  #recount(recounted: ChainNames, written: ReadonlySet<Chain>): void {
    for (const [table, chains] of recounted) {
      for (const name of chains) {
        const linked = this.text.live(table).get(name);
        if (linked !== undefined && !written.has(linked.text.chain)) this.#links.recountAll(linked);
      }
    }
  }

  #restartPolicies(ruleSet: RuleSet, restarted: ChainNames, written: ReadonlySet<Chain>): void {
    for (const [table, chains] of restarted) {
      for (const name of chains) {
        const chain = ruleSet.tables.get(table)?.chains.get(name);
        const known = this.text.chain(table, name);
        if (chain?.policy === undefined || known === undefined || written.has(chain)) continue;
        this.#links.recount(known.first + known.chain.rules.length, chain);
      }
    }
  }

  /** What `check` has found for the table; when it had to look at all of it, all of it is looked at here. */
  #noteHooks(table: Table): void {
    const live = this.text.live(table.name);
    const grown = this.#grown.get(table);
    if (grown !== undefined) {
      for (const [name, hooks] of grown) live.get(name)!.hooks |= hooks;
      return;
    }
    const graph = graphOf(table);
    const hooks = reachable(table, graph);
    for (const [i, chain] of graph.chains.entries()) live.get(chain.name)!.hooks = hooks[i]!;
  }

  #changesNothing(): boolean {
    const { words, entries, keep, restart, zero } = this.#links;
    return words.length + entries.length + keep.length + restart.length + zero.length + this.#memory.writer.out.changedStates.size === 0;
  }

  #patch(ruleSet: RuleSet): Patch | null {
    const { program } = this;
    const { out } = this.#memory.writer;
    const { words, entries, keep, restart, zero } = this.#links;
    if (this.#changesNothing()) return null;
    const interfaces = out.interfaces.slice(this.#sentInterfaces);
    this.#sentInterfaces = out.interfaces.length;
    const states = [...out.changedStates].map(n => [n, out.states[n]!] as const);
    out.changedStates.clear();
    const chains = Math.max(...[...ruleSet.tables.values()].map(table => table.chains.size));
    if (chains > this.#depth) this.#depth = 2 * chains;
    let data: Int32Array | null = null;
    if (out.data.length > this.#sentData) {
      data = sharedInt32(out.data.length);
      data.set(out.data);
      this.#sentData = out.data.length;
    }
    return {
      program: program.id,
      number: this.#number,
      words: Int32Array.from(words),
      entries: Int32Array.from(entries),
      keep: Int32Array.from(keep),
      restart: Float64Array.from(restart),
      zero: Int32Array.from(zero),
      interfaces,
      objects: out.objects.slice(),
      states,
      data,
      depth: this.#depth,
    };
  }
}

/** Of two names, and the same rules. */
const isSame = (a: Chain, b: Chain): boolean => a.rules.length > 0 && a.rules.length === b.rules.length && a.rules[0] === b.rules[0];

const numbersOf = ({ text }: LinkedChain): number => text.chain.rules.length + 1;

/** Do the rules say the same, one by one? A rule that has a state of its own begins with a new one, when it is not the same rule. */
function staysInPlace({ text, states }: LinkedChain, after: Chain): boolean {
  const { rules, policy } = text.chain;
  if (policy !== after.policy || rules.length !== after.rules.length) return false;
  const stateful = new Set(states.filter((_, i) => i % 2 === 0));
  let compared = 0;
  for (let i = 0; i < rules.length; i++) {
    if (rules[i] === after.rules[i]) continue;
    if (++compared > COMPARED || stateful.has(i) || !sameRule(rules[i]!, after.rules[i]!)) return false;
  }
  return true;
}

/** @returns chains with what they were; undefined: everything may be another */
function changesOf(before: Table | undefined, after: Table): ReadonlyMap<string, Chain | undefined> | undefined {
  if (before === undefined) return new Map([...after.chains.keys()].map(name => [name, undefined]));
  return before.chains instanceof VersionedMap ? before.chains.changesTo(after.chains) : undefined;
}
