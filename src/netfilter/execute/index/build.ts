/** Builds the index of a chain: `layout.ts`. Cold side. */
import type { Rule } from '../../ruleset.ts';
import type { Words } from '../words.ts';
import { Field, mix, SHAPE_WORDS } from './layout.ts';
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
  readonly rules: { readonly pc: number; readonly shape: RuleShape }[];
}

/**
 * @param pcs where each rule stands, ascending
 * @param end where the chain's end stands
 * @returns where the segment begins in `out`, or -1 when the chain is better walked
 */
export function buildSegment(
  rules: readonly Rule[],
  pcs: ArrayLike<number>,
  end: number,
  interfaceNumber: (name: string) => number,
  out: Words,
): number {
  if (rules.length < MIN_RULES) return -1;
  const shapes = choose(group(rules, pcs, interfaceNumber));
  const always = shapes.find(isAlways)?.rules.length ?? 0;
  if (rules.length - always < MIN_RULES) return -1;
  const tables = shapes.map(shape => ({ shape, table: hashOf(shape) }));
  const segment = out.length;
  out.push(shapes.length);
  out.push(end);
  let at = segment + 2 + SHAPE_WORDS * shapes.length;
  for (const { shape, table } of tables) {
    out.push(at);
    out.push(table.slots.length - 1);
    out.push(shape.srcMask);
    out.push(shape.dstMask);
    out.push(shape.fields);
    at += table.slots.length + table.lists.length;
  }
  for (const { table } of tables) {
    const lists = out.length + table.slots.length;
    // In the slots of `hashOf`, lists count from -1 for the first word.
    for (const slot of table.slots) out.push(slot < 0 ? slot + 1 - lists : slot);
    for (const word of table.lists) out.push(word);
  }
  return segment;
}

const isAlways = (s: Shape): boolean => s.srcMask === 0 && s.dstMask === 0 && s.fields === 0;

function group(rules: readonly Rule[], pcs: ArrayLike<number>, interfaceNumber: (name: string) => number): Shape[] {
  const shapes = new Map<string, Shape>();
  for (const [i, rule] of rules.entries()) {
    const shape = shapeOf(rule, interfaceNumber);
    const fields = fieldsOf(shape);
    const key = `${shape.srcMask} ${shape.dstMask} ${fields}`;
    let s = shapes.get(key);
    if (!s) {
      s = { srcMask: shape.srcMask, dstMask: shape.dstMask, fields, rules: [] };
      shapes.set(key, s);
    }
    s.rules.push({ pc: pcs[i]!, shape });
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

interface Hash {
  readonly slots: Int32Array;
  readonly lists: readonly number[];
}

function hashOf(shape: Shape): Hash {
  const hashes: number[] = [];
  const pcs: number[] = [];
  for (const { pc, shape: rule } of shape.rules) {
    for (const h of keysOf(shape, rule)) {
      hashes.push(h);
      pcs.push(pc);
    }
  }
  const size = isAlways(shape) ? 1 : 1 << (32 - Math.clz32(2 * hashes.length));
  const slots = new Int32Array(size);
  const shared = new Map<number, number[]>();
  for (const [i, hash] of hashes.entries()) {
    const at = hash & (size - 1);
    const pc = pcs[i]!;
    const list = shared.get(at);
    if (list) list.push(pc);
    else if (slots[at] === 0) slots[at] = pc + 1;
    else shared.set(at, [slots[at]! - 1, pc]);
  }
  const lists: number[] = [];
  for (const [at, list] of shared) {
    const ascending = [...new Set(list)].sort((a, b) => a - b);
    slots[at] = -1 - lists.length;
    lists.push(ascending.length, ...ascending);
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
