/** Builds the index of a chain: `layout.ts`. Cold side. */
import type { Rule } from '../../ruleset.ts';
import {
  Field,
  mix,
  SEGMENT_END,
  SEGMENT_HEAD,
  SEGMENT_SHAPES,
  SHAPE_DST,
  SHAPE_FIELDS,
  SHAPE_LAST,
  SHAPE_SLOTS,
  SHAPE_SRC,
  SHAPE_WORDS,
} from './layout.ts';
import { fieldsOf, type RuleShape, shapeOf } from './shape.ts';

/** Shorter chains are walked. */
const MIN_RULES = 8;
/** A shape costs a look-up per packet: few rules do not pay for one of their own, and there is a limit to how many. */
const MIN_MEMBERS = 4;
const MAX_SHAPES = 24;

interface Shape {
  readonly srcMask: number;
  readonly dstMask: number;
  readonly fields: number;
  /** Place of each rule in the chain, ascending unless a smaller shape came to it. */
  readonly rules: { readonly at: number; readonly shape: RuleShape }[];
}

/** A segment before it is known where it stands. */
export interface SegmentPlan {
  /** In words. */
  readonly length: number;
  /** @param at where it stands in `words`. @param places where the rules stand in the code, ascending. @param end where the chain's end stands */
  write(words: Int32Array, at: number, places: ArrayLike<number>, end: number): void;
}

/** @returns undefined when the chain is better walked */
export function planSegment(rules: readonly Rule[], interfaceNumber: (name: string) => number): SegmentPlan | undefined {
  if (rules.length < MIN_RULES) return undefined;
  const shapes = choose(group(rules, interfaceNumber));
  const always = shapes.find(isAlways)?.rules.length ?? 0;
  if (rules.length - always < MIN_RULES) return undefined;
  const tables = shapes.map(shape => ({ shape, table: hashOf(shape) }));
  const head = SEGMENT_HEAD + SHAPE_WORDS * shapes.length;
  const length = tables.reduce((sum, { table }) => sum + table.slots.length + table.lists.length, head);
  return { length, write: (words, at, places, end) => writeSegment(tables, words, at, places, end) };
}

function writeSegment(
  tables: readonly { readonly shape: Shape; readonly table: Hash }[],
  words: Int32Array,
  segment: number,
  places: ArrayLike<number>,
  end: number,
): void {
  words[segment + SEGMENT_SHAPES] = tables.length;
  words[segment + SEGMENT_END] = end;
  let head = segment + SEGMENT_HEAD;
  let at = head + SHAPE_WORDS * tables.length;
  for (const { shape, table } of tables) {
    const { slots, lists } = table;
    words[head + SHAPE_SLOTS] = at;
    words[head + SHAPE_LAST] = slots.length - 1;
    words[head + SHAPE_SRC] = shape.srcMask;
    words[head + SHAPE_DST] = shape.dstMask;
    words[head + SHAPE_FIELDS] = shape.fields;
    head += SHAPE_WORDS;
    const listsAt = at + slots.length;
    for (const slot of slots) words[at++] = slot > 0 ? places[slot - 1]! + 1 : slot < 0 ? slot + 1 - listsAt : 0;
    for (let i = 0; i < lists.length; ) {
      const count = lists[i]!;
      words[at++] = count;
      for (const last = i + count; i < last; ) words[at++] = places[lists[++i]!]!;
      i++;
    }
  }
}

const isAlways = (s: Shape): boolean => s.srcMask === 0 && s.dstMask === 0 && s.fields === 0;

function group(rules: readonly Rule[], interfaceNumber: (name: string) => number): Shape[] {
  const shapes = new Map<string, Shape>();
  let last: Shape | undefined;
  for (let at = 0; at < rules.length; at++) {
    const shape = shapeOf(rules[at]!, interfaceNumber);
    const { srcMask, dstMask } = shape;
    const fields = fieldsOf(shape);
    // Rules of one shape come in long runs.
    if (last === undefined || last.srcMask !== srcMask || last.dstMask !== dstMask || last.fields !== fields) {
      const key = `${srcMask} ${dstMask} ${fields}`;
      last = shapes.get(key);
      if (last === undefined) {
        last = { srcMask, dstMask, fields, rules: [] };
        shapes.set(key, last);
      }
    }
    last.rules.push({ at, shape });
  }
  return [...shapes.values()];
}

/** Rules of small shapes go to a shape that asks for less, at last to the one that asks for nothing. */
function choose(all: readonly Shape[]): Shape[] {
  const bySize = all.filter(s => !isAlways(s)).sort((a, b) => b.rules.length - a.rules.length);
  const chosen = bySize.filter((s, i) => i < MAX_SHAPES && s.rules.length >= MIN_MEMBERS).map(s => ({ ...s, rules: [...s.rules] }));
  const always: Shape = { srcMask: 0, dstMask: 0, fields: 0, rules: [...(all.find(isAlways)?.rules ?? [])] };
  const kept = new Set(chosen.map(s => `${s.srcMask} ${s.dstMask} ${s.fields}`));
  for (const s of bySize) {
    if (kept.has(`${s.srcMask} ${s.dstMask} ${s.fields}`)) continue;
    const wider = chosen.filter(c => asksLess(c, s)).sort((a, b) => asks(b) - asks(a))[0];
    (wider ?? always).rules.push(...s.rules);
  }
  return always.rules.length > 0 ? [...chosen, always] : chosen;
}

const asksLess = (a: Shape, b: Shape): boolean =>
  (a.srcMask & ~b.srcMask) === 0 && (a.dstMask & ~b.dstMask) === 0 && (a.fields & ~b.fields) === 0;
/** How much a shape tells rules apart: bits of addresses, ports as sixteen. */
const asks = (s: Shape): number =>
  bits(s.srcMask) + bits(s.dstMask) + (s.fields & Field.SrcPort ? 16 : 0) + (s.fields & Field.DstPort ? 16 : 0) + bits(s.fields);
function bits(v: number): number {
  let n = 0;
  for (let x = v; x !== 0; x &= x - 1) n++;
  return n;
}

/** In the slots stands a rule's place in the chain + 1, or, below 0, where a list begins, counted from -1; in the lists, places. */
interface Hash {
  readonly slots: Int32Array;
  readonly lists: readonly number[];
}

function hashOf(shape: Shape): Hash {
  const hashes: number[] = [];
  const rules: number[] = [];
  for (const { at, shape: rule } of shape.rules) {
    for (const h of keysOf(shape, rule)) {
      hashes.push(h);
      rules.push(at);
    }
  }
  const size = isAlways(shape) ? 1 : 1 << (32 - Math.clz32(2 * hashes.length));
  const slots = new Int32Array(size);
  const shared = new Map<number, number[]>();
  for (let i = 0; i < hashes.length; i++) {
    const slot = hashes[i]! & (size - 1);
    const rule = rules[i]!;
    const list = shared.get(slot);
    if (list) list.push(rule);
    else if (slots[slot] === 0) slots[slot] = rule + 1;
    else shared.set(slot, [slots[slot]! - 1, rule]);
  }
  const lists: number[] = [];
  for (const [slot, list] of shared) {
    const ascending = [...new Set(list)].sort((a, b) => a - b);
    slots[slot] = -1 - lists.length;
    lists.push(ascending.length);
    for (const rule of ascending) lists.push(rule);
  }
  return { slots, lists };
}

/** One hash per combination of ports. */
function keysOf(shape: Shape, rule: RuleShape): number[] {
  let h = mix(mix(0, rule.src & shape.srcMask), rule.dst & shape.dstMask);
  if (shape.fields & Field.Protocol) h = mix(h, rule.protocol!);
  let keys = [h];
  if (shape.fields & Field.DstPort) keys = rule.dstPorts!.map(port => mix(h, port));
  if (shape.fields & Field.SrcPort) keys = keys.flatMap(k => rule.srcPorts!.map(port => mix(k, port)));
  if (shape.fields & Field.In) keys = keys.map(k => mix(k, rule.in!));
  if (shape.fields & Field.Out) keys = keys.map(k => mix(k, rule.out!));
  return keys;
}
