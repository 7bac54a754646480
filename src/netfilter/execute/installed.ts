/** The program in force on a node's thread: its states, its interface names resolved, its walker. */
import type { Packet } from '../../packet/packet.ts';
import { type Hook, Verdict } from '../../packet/verdict.ts';
import type { Execution } from './execution.ts';
import { HOOKS, type Program, RULE_BYTES, RULE_PACKETS, sharedInt32, TABLES } from './program.ts';
import type { StateSpec } from './state/spec.ts';
import { keepState, makeState } from './state/table.ts';
import type { Tracer } from './tracer.ts';
import type { Walker } from './walk.ts';

const EMPTY: Program = {
  id: 0,
  code: sharedInt32(0),
  entries: sharedInt32(2 * TABLES * HOOKS).fill(-1),
  counters: new Float64Array(new SharedArrayBuffer(0)),
  places: sharedInt32(0),
  objects: [],
  firstObject: 0,
  carry: sharedInt32(0),
  carriesFrom: 0,
  index: sharedInt32(0),
  data: sharedInt32(0),
  interfaces: [],
  states: [],
  depth: 0,
};

/** Makes the walker of a program. */
export type MakeWalker = (x: Execution, program: Program) => Walker;

export class Installed {
  readonly #x: Execution;
  readonly #make: MakeWalker;
  #program = EMPTY;
  #entries = EMPTY.entries;
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
    const before = this.#program;
    const carried = program.carriesFrom === before.id && before.id !== 0;
    if (carried) carryCounters(before, program);
    this.#x.states = carryStates(before, this.#x.states, program, carried);
    carryObjects(before, program);
    this.#x.data = program.data;
    this.#x.counters = program.counters;
    this.#x.objects = program.firstObject;
    const walker = this.#make(this.#x, program);
    walker.tracer = this.#walker.tracer;
    this.#walker = walker;
    this.#program = program;
    this.#entries = program.entries;
    this.#resolveInterfaces();
  }

  /** Which interface bears which name: looked up when a program is installed and when an interface comes, goes or is renamed. */
  #resolveInterfaces(): void {
    const x = this.#x;
    const { interfaces } = x.env;
    const patterns = this.#program.interfaces;
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

function carryCounters(before: Program, after: Program): void {
  for (let i = 0; i < after.carry.length; i++) {
    const from = after.carry[i]!;
    if (from < 0) continue;
    const to = after.places[i]!;
    const at = before.places[from]!;
    after.counters[(to + RULE_PACKETS) >> 1] = before.counters[(at + RULE_PACKETS) >> 1]!;
    after.counters[(to + RULE_BYTES) >> 1] = before.counters[(at + RULE_BYTES) >> 1]!;
  }
}

/** Accounting objects are known by name alone. */
function carryObjects(before: Program, after: Program): void {
  for (const [i, name] of after.objects.entries()) {
    const from = before.objects.indexOf(name);
    if (from < 0) continue;
    const at = after.firstObject + 2 * i;
    const old = before.firstObject + 2 * from;
    after.counters[at] = before.counters[old]!;
    after.counters[at + 1] = before.counters[old + 1]!;
  }
}

/** A state with a name lives on while a rule gives its name; one without lives as long as its rule. */
function carryStates(before: Program, states: readonly object[], after: Program, carried: boolean): readonly object[] {
  const named = new Map<string, object>();
  const own = new Map<number, object[]>();
  for (const [i, spec] of before.states.entries()) {
    if (spec.name !== undefined) named.set(nameOf(spec), states[i]!);
    else if (carried) own.set(spec.counter, [...(own.get(spec.counter) ?? []), states[i]!]);
  }
  return after.states.map(spec => {
    if (spec.name !== undefined) {
      const state = named.get(nameOf(spec));
      return state ? keepState(state, spec) : makeState(spec);
    }
    return (carried ? own.get(after.carry[spec.counter]!)?.shift() : undefined) ?? makeState(spec);
  });
}
const nameOf = (spec: StateSpec): string => `${spec.kind} ${spec.name}`;
