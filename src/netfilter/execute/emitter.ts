/** Writes the words of a program. Names (interfaces, states) become numbers here. */
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
  /** Words of the index; none stands at 0, so that a list's place can be told by its sign. */
  readonly index = new Words(1 << 8);
  readonly interfaces: InterfacePattern[] = [];
  readonly states: StateSpec[] = [];
  readonly #interfaceNumbers = new Map<string, number>();
  readonly #stateNumbers = new Map<string, number>();
  /** Of the rule that is being written: states without a name are its own. */
  counter = 0;
  #instruction = 0;
  /** Names of accounting objects. */
  readonly objects: string[] = [];
  readonly sets: IpSets;
  readonly #setOffsets = new Map<string, number>();

  constructor(sets: IpSets) {
    this.sets = sets;
    this.index.push(0);
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
      n = this.states.length;
      this.states.push({ kind, name, counter: this.counter, numbers });
      this.#stateNumbers.set(key, n);
    } else {
      const spec = this.states[n]!;
      this.states[n] = { ...spec, numbers: merge(spec.numbers, numbers) };
    }
    return n;
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
    this.states.push({ kind, name: undefined, counter: this.counter, numbers });
    return this.states.length - 1;
  }
}
