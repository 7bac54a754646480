/** The program in force on a node's thread: its states, its interface names resolved, its walker. */
import type { Packet } from '../../packet/packet.ts';
import { type Hook, Verdict } from '../../packet/verdict.ts';
import type { Execution } from './execution.ts';
import {
  HOOKS,
  type InterfacePattern,
  type Patch,
  type Program,
  RULE_BYTES,
  RULE_PACKETS,
  RULE_SIZE,
  sharedInt32,
  TABLES,
} from './program.ts';
import type { StateSpec } from './state/spec.ts';
import { keepState, makeState } from './state/table.ts';
import type { Tracer } from './tracer.ts';
import type { Walker } from './walk.ts';

const EMPTY: Program = {
  id: 0,
  code: sharedInt32(0),
  entries: sharedInt32(2 * TABLES * HOOKS).fill(-1),
  counters: new Float64Array(new SharedArrayBuffer(0)),
  objects: [],
  firstObject: 0,
  carriesFrom: 0,
  index: sharedInt32(0),
  data: sharedInt32(0),
  interfaces: [],
  states: [],
  depth: 0,
  applied: sharedInt32(1),
};

/** Makes the walker of a program. */
export type MakeWalker = (x: Execution, program: Program) => Walker;

export class Installed {
  readonly #x: Execution;
  readonly #make: MakeWalker;
  #program = EMPTY;
  #entries = EMPTY.entries;
  /** As the program came with, and what patches have made of it. */
  #interfaces: readonly InterfacePattern[] = [];
  #objects: readonly string[] = [];
  #specs: (StateSpec | null)[] = [];
  #walker: Walker;
  #generation = -1;

  constructor(x: Execution, make: MakeWalker) {
    this.#x = x;
    this.#make = make;
    this.#walker = make(x, EMPTY);
  }

  get tracer(): Tracer | null {
    return this.#walker.tracer;
  }
  set tracer(t: Tracer | null) {
    this.#walker.tracer = t;
  }

  /** Has the table a chain at the hook? */
  has(table: number, hook: Hook): boolean {
    return this.#entries[2 * (table * HOOKS + hook)]! >= 0;
  }

  run(table: number, hook: Hook, p: Packet): Verdict {
    const entry = 2 * (table * HOOKS + hook);
    const start = this.#entries[entry]!;
    if (start < 0) return Verdict.Accept;
    const x = this.#x;
    if (x.env.interfaces.generation !== this.#generation) this.#resolveInterfaces();
    x.table = table;
    x.load(p, hook);
    return this.#walker.walk(p, start, this.#entries[entry + 1]!);
  }

  replace(program: Program): void {
    const carried = program.carriesFrom === this.#program.id && this.#program.id !== 0;
    this.#x.states = carryStates(this.#specs, this.#x.states, program, carried);
    carryObjects(this.#program, this.#objects, program);
    this.#x.data = program.data;
    this.#x.counters = program.counters;
    this.#x.objects = program.firstObject;
    const walker = this.#make(this.#x, program);
    walker.tracer = this.#walker.tracer;
    this.#walker = walker;
    this.#program = program;
    this.#entries = program.entries;
    this.#interfaces = program.interfaces;
    this.#objects = program.objects;
    this.#specs = [...program.states];
    this.#resolveInterfaces();
    Atomics.store(program.applied, 0, 1);
  }

  /** A few chains change; the rest goes on as it is. @throws RangeError for a patch of a program that is not in force */
  patch(patch: Patch): void {
    const { code, entries, counters, applied, id } = this.#program;
    if (patch.program !== id) throw new RangeError(`a patch of program ${patch.program} while ${id} is in force`);
    keepCounters(code, counters, patch.keep);
    zeroCounters(code, counters, patch.zero);
    for (let i = 0; i < patch.restart.length; i += 3) {
      const at = patch.restart[i]!;
      counters[(at + RULE_PACKETS) >> 1] = patch.restart[i + 1]!;
      counters[(at + RULE_BYTES) >> 1] = patch.restart[i + 2]!;
    }
    for (let i = 0; i < patch.words.length; i += 2) code[patch.words[i]!] = patch.words[i + 1]!;
    for (let i = 0; i < patch.entries.length; i += 3) {
      const entry = 2 * patch.entries[i]!;
      entries[entry] = patch.entries[i + 1]!;
      entries[entry + 1] = patch.entries[i + 2]!;
    }
    for (const [n, spec] of patch.states) this.#state(n, spec);
    if (patch.data !== null) this.#x.data = patch.data;
    this.#objects = patch.objects;
    this.#walker.deepen(patch.depth);
    if (patch.interfaces.length > 0) {
      this.#interfaces = [...this.#interfaces, ...patch.interfaces];
      this.#resolveInterfaces();
    }
    Atomics.store(applied, 0, patch.number);
  }

  #state(n: number, spec: StateSpec | null): void {
    const known = this.#specs[n];
    const { states } = this.#x;
    if (spec === null) states[n] = GONE;
    else states[n] = known ? keepState(states[n]!, spec) : makeState(spec);
    this.#specs[n] = spec;
  }

  /** Which interface bears which name: looked up when a program is installed and when an interface comes, goes or is renamed. */
  #resolveInterfaces(): void {
    const x = this.#x;
    const { interfaces } = x.env;
    const patterns = this.#interfaces;
    const ids = interfaces.count + 1;
    x.interfaceIds = ids;
    x.interfaces = new Uint8Array(patterns.length * ids);
    x.exactNames = new Int32Array(ids).fill(-1);
    for (let id = 0; id < ids; id++) {
      // No interface has the empty name: `-o eth0` fails where there is no out-interface, `-o +` passes.
      const name = id === 0 ? '' : interfaces.name(id);
      for (const [n, pattern] of patterns.entries()) {
        const hit = pattern.prefix ? name.startsWith(pattern.name) : name === pattern.name;
        if (hit) x.interfaces[n * ids + id] = 1;
        if (hit && !pattern.prefix) x.exactNames[id] = n;
      }
    }
    this.#generation = interfaces.generation;
  }
}

/** In place of a state that no rule uses. */
const GONE = {};

function keepCounters(code: Int32Array, counters: Float64Array, keep: Int32Array): void {
  for (let i = 0; i < keep.length; i += 3) {
    let from = keep[i]!;
    let to = keep[i + 1]!;
    for (let n = keep[i + 2]!; n > 0; n--) {
      counters[(to + RULE_PACKETS) >> 1] = counters[(from + RULE_PACKETS) >> 1]!;
      counters[(to + RULE_BYTES) >> 1] = counters[(from + RULE_BYTES) >> 1]!;
      from += code[from + RULE_SIZE]!;
      to += code[to + RULE_SIZE]!;
    }
  }
}

function zeroCounters(code: Int32Array, counters: Float64Array, zero: Int32Array): void {
  for (let i = 0; i < zero.length; i += 2) {
    let at = zero[i]!;
    for (let n = zero[i + 1]!; n > 0; n--) {
      counters[(at + RULE_PACKETS) >> 1] = 0;
      counters[(at + RULE_BYTES) >> 1] = 0;
      at += code[at + RULE_SIZE]!;
    }
  }
}

/** Accounting objects are known by name alone. */
function carryObjects(before: Program, names: readonly string[], after: Program): void {
  for (const [i, name] of after.objects.entries()) {
    const from = names.indexOf(name);
    if (from < 0) continue;
    const at = after.firstObject + 2 * i;
    const old = before.firstObject + 2 * from;
    after.counters[at] = before.counters[old]!;
    after.counters[at + 1] = before.counters[old + 1]!;
  }
}

/** A state with a name lives on while a rule gives its name; one without lives as long as its rule. */
function carryStates(before: readonly (StateSpec | null)[], states: readonly object[], after: Program, carried: boolean): object[] {
  const named = new Map<string, object>();
  const own = new Map<number, object[]>();
  for (const [i, spec] of before.entries()) {
    if (spec === null) continue;
    if (spec.name !== undefined) named.set(nameOf(spec), states[i]!);
    else if (carried) own.set(spec.counter, [...(own.get(spec.counter) ?? []), states[i]!]);
  }
  return after.states.map(spec => {
    if (spec.name !== undefined) {
      const state = named.get(nameOf(spec));
      return state ? keepState(state, spec) : makeState(spec);
    }
    return (carried ? own.get(spec.from ?? -1)?.shift() : undefined) ?? makeState(spec);
  });
}
const nameOf = (spec: StateSpec): string => `${spec.kind} ${spec.name}`;
