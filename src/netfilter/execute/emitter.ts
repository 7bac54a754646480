/**
 * Writes the words of a program. Names (interfaces, states) become numbers here, which they keep while the program is in force: a change
 * of a few chains is written by the same emitter.
 */
import { encodeIpSet } from '../ipset/table.ts';
import type { Act, Test } from './execution.ts';
import type { IpSets } from './extension.ts';
import { testOps } from './matches/table.ts';
import { FIRST_TARGET, type InterfacePattern, LENGTH_SHIFT, NOT } from './program.ts';
import type { StateSpec } from './state/spec.ts';
import { actOps } from './targets/table.ts';
import { Words } from './words.ts';

export class Emitter {
  readonly #code = new Words(1 << 10);
  readonly #data = new Words(1 << 8);
  readonly interfaces: InterfacePattern[] = [];
  /** Null where a state has gone. */
  readonly states: (StateSpec | null)[] = [];
  /** States that came, changed or went since this was last emptied. */
  readonly changedStates = new Set<number>();
  /** States that the rule uses which is being written, one for each of its tests. */
  readonly used: number[] = [];
  /** States of the same rule as it stood before: in place of new ones of its own. */
  inherited: readonly number[] = [];
  readonly #freeStates: number[] = [];
  readonly #interfaceNumbers = new Map<string, number>();
  readonly #stateNumbers = new Map<string, number>();
  /** Of the rule that is being written: states without a name are its own. */
  counter = 0;
  #instruction = 0;
  /** Names of accounting objects. */
  readonly objects: string[] = [];
  readonly sets: IpSets;
  readonly #setOffsets = new Map<string, number>();

  /** The mask of a list of `recent`, where rules do not agree about it; undefined: that of the rule that came first. */
  readonly recentMask: (list: string) => number | undefined;

  constructor(sets: IpSets, recentMask: (list: string) => number | undefined = () => undefined) {
    this.sets = sets;
    this.recentMask = recentMask;
  }

  get at(): number {
    return this.#code.length;
  }
  get code(): Int32Array {
    return this.#code.words;
  }
  get data(): Int32Array {
    return this.#data.filled;
  }
  /** Begins at the front again. */
  rewind(): void {
    this.#code.length = 0;
  }
  word(w: number): void {
    this.#code.push(w);
  }

  /** Begins a test; its operands follow by `word`, then `end`. */
  test(test: Test, not: boolean, a?: number, b?: number): void {
    const op = testOps.get(test);
    if (op === undefined) throw new RangeError(`a test that is not in matches/table.ts: ${test.name}`);
    this.instruction(op | (not ? NOT : 0), a, b);
  }

  act(act: Act, a?: number, b?: number): void {
    const op = actOps.get(act);
    if (op === undefined) throw new RangeError(`an act that is not in targets/table.ts: ${act.name}`);
    this.instruction(op + FIRST_TARGET, a, b);
  }

  /** An instruction with up to two operands; `operand` appends more. */
  instruction(op: number, a?: number, b?: number): void {
    this.#instruction = this.#code.length;
    this.#code.push(op | (1 << LENGTH_SHIFT));
    if (a !== undefined) this.operand(a);
    if (b !== undefined) this.operand(b);
  }
  operand(word: number): void {
    this.#code.push(word);
    this.#code.words[this.#instruction]! += 1 << LENGTH_SHIFT;
  }

  /** @returns where the words stand in `Program.data`. */
  table(words: ArrayLike<number>): number {
    const at = this.#data.length;
    for (let i = 0; i < words.length; i++) this.#data.push(words[i]!);
    return at;
  }

  interface(i: { readonly name: string; readonly prefix: boolean }): number {
    const key = i.prefix ? `${i.name}+` : i.name;
    let n = this.#interfaceNumbers.get(key);
    if (n === undefined) {
      n = this.interfaces.length;
      this.interfaces.push({ name: i.name, prefix: i.prefix });
      this.#interfaceNumbers.set(key, n);
    }
    return n;
  }

  /** A state that all rules share which give the same kind and name. The first one's numbers count, unless `merge` joins them. */
  namedState(
    kind: string,
    name: string,
    numbers: readonly number[],
    merge: (first: readonly number[], next: readonly number[]) => readonly number[] = first => first,
  ): number {
    const key = `${kind} ${name}`;
    let n = this.#stateNumbers.get(key);
    if (n === undefined) {
      n = this.#newState({ kind, name, counter: this.counter, numbers });
      this.#stateNumbers.set(key, n);
    } else {
      const spec = this.states[n]!;
      const merged = merge(spec.numbers, numbers);
      if (merged.some((number, i) => number !== spec.numbers[i])) {
        this.states[n] = { ...spec, numbers: merged };
        this.changedStates.add(n);
      }
    }
    this.used.push(n);
    return n;
  }

  #newState(spec: StateSpec): number {
    const n = this.#freeStates.pop() ?? this.states.length;
    this.states[n] = spec;
    this.changedStates.add(n);
    return n;
  }

  /** No rule uses it any more. */
  dropState(n: number): void {
    const { kind, name } = this.states[n]!;
    if (name !== undefined) this.#stateNumbers.delete(`${kind} ${name}`);
    this.states[n] = null;
    this.changedStates.add(n);
    this.#freeStates.push(n);
  }

  /** Number of an accounting object. */
  accounting(name: string): number {
    let n = this.objects.indexOf(name);
    if (n < 0) n = this.objects.push(name) - 1;
    return n;
  }

  /** @returns where the set's words stand in `Program.data`. */
  set(name: string): number {
    let at = this.#setOffsets.get(name);
    if (at === undefined) {
      at = this.table(encodeIpSet(this.sets.get(name)!));
      this.#setOffsets.set(name, at);
    }
    return at;
  }

  /** A state of this rule alone. */
  ownState(kind: string, numbers: readonly number[]): number {
    const before = this.inherited.find(n => this.states[n]!.name === undefined && !this.used.includes(n));
    if (before === undefined) {
      const n = this.#newState({ kind, name: undefined, counter: this.counter, numbers });
      this.used.push(n);
      return n;
    }
    this.states[before] = { ...this.states[before]!, counter: this.counter };
    this.changedStates.add(before);
    this.used.push(before);
    return before;
  }
}
