/** The cold side of a program: which number belongs to which rule of which chain, and what has been counted. It follows each change. */
import type { Chain, Counters, Rule, RuleSet, Table, TableName } from '../ruleset.ts';
import type { ChainText, LinkedChain } from './linked-chain.ts';
import { type Program, RULE_BYTES, RULE_PACKETS } from './program.ts';

export type { ChainText } from './linked-chain.ts';
/** The chains of one table that are in force. */
export type LiveChains = ReadonlyMap<string, LinkedChain>;

/** A counter in words. `rule` is undefined for the end of a chain; `number` counts from 1 as `iptables -L --line-numbers` does. */
export interface RuleText {
  readonly table: TableName;
  readonly chain: string;
  readonly number: number;
  readonly rule: Rule | undefined;
}

/** What a patch does to counters, until the node's thread has applied it. */
interface Pending {
  readonly patch: number;
  /** Threes: number before, number now, of how many rules one behind the other. */
  readonly runs: number[];
  /** Pairs: a number, and how many rules from there on count from nothing. */
  readonly zeroed: number[];
  readonly restarted: Map<number, Counters>;
}

/** The program before, and per rule its number there, or -1. */
export interface Before {
  readonly text: ProgramText;
  readonly carry: Int32Array;
}

export class ProgramText {
  readonly programId: number;
  /** What a person should know: rules that are kept and never match, and the like. */
  readonly warnings: readonly string[];
  readonly #live: Map<TableName, Map<string, LinkedChain>>;
  /** By first number. A chain that changed stands here again with new numbers, and as it was with the old ones. */
  readonly #chains: ChainText[];
  #ruleSet: RuleSet;
  /** Where each rule stands in the code, or stood; longer than there are numbers. */
  #places: Int32Array;
  #numbers: number;
  readonly #counters: Float64Array;
  #objects: readonly string[];
  readonly #firstObject: number;
  readonly #applied: Int32Array;
  /** Until this program is in force the one before counts; then what it has counted stands in `#kept`, packets and bytes by number. */
  #before: Before | undefined;
  #kept: Float64Array | undefined;
  readonly #pending: Pending[] = [];

  /** @param order by first number */
  constructor(
    program: Program,
    ruleSet: RuleSet,
    live: Map<TableName, Map<string, LinkedChain>>,
    order: readonly LinkedChain[],
    places: Int32Array,
    warnings: readonly string[],
    before?: Before,
  ) {
    this.programId = program.id;
    this.warnings = warnings;
    this.#ruleSet = ruleSet;
    this.#live = live;
    this.#chains = order.map(({ text }) => text);
    this.#places = places;
    this.#numbers = places.length;
    this.#counters = program.counters;
    this.#objects = program.objects;
    this.#firstObject = program.firstObject;
    this.#applied = program.applied;
    this.#before = before;
  }

  get ruleSet(): RuleSet {
    return this.#ruleSet;
  }
  /** Chains as they are, and as they were before they changed. */
  get chains(): readonly ChainText[] {
    return this.#chains;
  }
  /** How many numbers of rules were given. */
  get numbers(): number {
    return this.#numbers;
  }
  live(table: TableName): LiveChains {
    return this.#live.get(table) ?? NO_CHAINS;
  }
  chain(table: TableName, name: string): ChainText | undefined {
    return this.live(table).get(name)?.text;
  }
  /** Where the rule stands in the code. */
  place(number: number): number {
    return this.#places[number]!;
  }

  of(counter: number): RuleText {
    const { table, chain, first } = this.#chains[this.#indexOf(counter)]!;
    return { table, chain: chain.name, number: counter - first + 1, rule: chain.rules[counter - first] };
  }

  #indexOf(number: number): number {
    let low = 0;
    let high = this.#chains.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#chains[middle]!.first <= number) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** What the node's thread has counted so far. */
  counters(number: number): Counters {
    this.#settle();
    for (let p = this.#pending.length - 1; p >= 0; p--) {
      const { runs, zeroed, restarted } = this.#pending[p]!;
      const again = restarted.get(number);
      if (again !== undefined) return { packets: again.packets, bytes: again.bytes };
      for (let i = 0; i < zeroed.length; i += 2)
        if (number >= zeroed[i]! && number < zeroed[i]! + zeroed[i + 1]!) return { packets: 0, bytes: 0 };
      for (let i = 0; i < runs.length; i += 3) {
        const at = number - runs[i + 1]!;
        if (at >= 0 && at < runs[i + 2]!) return this.counters(runs[i]! + at);
      }
    }
    const at = this.#places[number]!;
    let packets = this.#counters[(at + RULE_PACKETS) >> 1]!;
    let bytes = this.#counters[(at + RULE_BYTES) >> 1]!;
    const from = this.#before !== undefined && number < this.#before.carry.length ? this.#before.carry[number]! : -1;
    if (from >= 0) {
      const before = this.#before!.text.counters(from);
      packets += before.packets;
      bytes += before.bytes;
    } else if (this.#kept !== undefined && 2 * number < this.#kept.length) {
      packets += this.#kept[2 * number]!;
      bytes += this.#kept[2 * number + 1]!;
    }
    return { packets, bytes };
  }

  /** Once this program counts, the one before stands still. */
  #settle(): void {
    const before = this.#before;
    const applied = Atomics.load(this.#applied, 0);
    while (this.#pending.length > 0 && this.#pending[0]!.patch <= applied) this.#pending.shift();
    if (before === undefined || applied === 0) return;
    const kept = new Float64Array(2 * before.carry.length);
    for (let i = 0; i < before.carry.length; i++) {
      if (before.carry[i]! < 0) continue;
      const { packets, bytes } = before.text.counters(before.carry[i]!);
      kept[2 * i] = packets;
      kept[2 * i + 1] = bytes;
    }
    this.#kept = kept;
    this.#before = undefined;
  }

  /** Of the accounting objects that rules name (nfacct). */
  accounting(): ReadonlyMap<string, Counters> {
    return new Map(
      this.#objects.map((name, i) => {
        const at = this.#firstObject + 2 * i;
        return [name, { packets: this.#counters[at]!, bytes: this.#counters[at + 1]! }];
      }),
    );
  }

  /** The rule set with the counters of this moment: what `iptables-save -c` shows. @param only of one table, or of one chain of it */
  snapshot(only: { readonly table?: TableName; readonly chain?: string | undefined } = {}): RuleSet {
    const tables = new Map<TableName, Table>(this.#ruleSet.tables);
    for (const table of this.#ruleSet.tables.values()) {
      if (only.table !== undefined && only.table !== table.name) continue;
      const live = this.live(table.name);
      const chains = new Map<string, Chain>(table.chains);
      for (const name of only.chain === undefined ? chains.keys() : [only.chain]) {
        const linked = live.get(name);
        if (linked !== undefined) chains.set(name, this.#counted(linked.text));
      }
      tables.set(table.name, { name: table.name, chains });
    }
    return { tables };
  }

  #counted({ chain, first }: ChainText): Chain {
    const rules = chain.rules.map((rule, i) => ({ ...rule, ...this.counters(first + i) }));
    const own = chain.policy ? this.counters(first + rules.length) : { packets: 0, bytes: 0 };
    return { ...chain, ...own, rules };
  }

  /** Number of each rule by the rule itself, and of each policy by `table chain`: how a reload finds what stayed. */
  byRule(): { rules: Map<Rule, number>; policies: Map<string, number> } {
    const rules = new Map<Rule, number>();
    const policies = new Map<string, number>();
    for (const live of this.#live.values()) {
      for (const { text } of live.values()) {
        const { table, chain, first } = text;
        for (let i = 0; i < chain.rules.length; i++) rules.set(chain.rules[i]!, first + i);
        if (chain.policy) policies.set(`${table} ${chain.name}`, first + chain.rules.length);
      }
    }
    return { rules, policies };
  }

  /** A change begins, which the patch of this number carries over. The methods below say it chain by chain. */
  begin(patch: number): void {
    this.#settle();
    this.#pending.push({ patch, runs: [], zeroed: [], restarted: new Map() });
  }
  /** The change is made: rules and accounting objects as they are now. */
  follow(ruleSet: RuleSet, objects: readonly string[]): void {
    this.#ruleSet = ruleSet;
    this.#objects = objects;
  }
  /** The chain's rules say the same in other words: numbers stay. */
  reword(linked: LinkedChain, chain: Chain): void {
    const { table, first } = linked.text;
    linked.text = { table, chain, first };
    this.#chains[this.#indexOf(first)] = linked.text;
  }
  /** @param places of its rules and its end. @returns the number of its first rule */
  renumber(linked: LinkedChain, chain: Chain, places: ArrayLike<number>): void {
    const { table } = linked.text;
    const first = this.#numbers;
    linked.text = { table, chain, first };
    this.#chains.push(linked.text);
    this.#numbers += places.length;
    this.#places = this.#grown(this.#places, this.#numbers);
    this.#places.set(places, first);
  }
  put(linked: LinkedChain): void {
    const { table, chain } = linked.text;
    let live = this.#live.get(table);
    if (live === undefined) {
      live = new Map();
      this.#live.set(table, live);
    }
    live.set(chain.name, linked);
  }
  remove({ text }: LinkedChain): void {
    this.#live.get(text.table)!.delete(text.chain.name);
  }
  /** Rules go on counting under other numbers. */
  keep(from: number, to: number, count: number): void {
    this.#pending.at(-1)!.runs.push(from, to, count);
    for (let i = 0; i < count; i++) this.#carry(from + i, to + i);
  }
  /** Rules count from nothing. */
  zero(first: number, count: number): void {
    this.#pending.at(-1)!.zeroed.push(first, count);
    if (this.#before !== undefined || this.#kept !== undefined) for (let i = 0; i < count; i++) this.#carry(-1, first + i);
  }
  /** A rule or a policy counts from here on. */
  restart(number: number, counters: Counters): void {
    this.#pending.at(-1)!.restarted.set(number, counters);
    this.#carry(-1, number);
  }

  /** What comes from the program before goes along, or goes. */
  #carry(from: number, to: number): void {
    const before = this.#before;
    if (before !== undefined) {
      const carry = this.#grown(before.carry, to + 1);
      if (carry !== before.carry) {
        carry.fill(-1, before.carry.length);
        this.#before = { text: before.text, carry };
      }
      carry[to] = carry[from] ?? -1;
    } else if (this.#kept !== undefined) {
      this.#kept = this.#grown(this.#kept, 2 * to + 2);
      this.#kept[2 * to] = this.#kept[2 * from] ?? 0;
      this.#kept[2 * to + 1] = this.#kept[2 * from + 1] ?? 0;
    }
  }

  #grown<T extends Int32Array | Float64Array>(words: T, length: number): T {
    if (length <= words.length) return words;
    const grown = new (words.constructor as new (length: number) => T)(Math.max(length, 2 * words.length));
    grown.set(words);
    return grown;
  }
}

const NO_CHAINS: LiveChains = new Map();
