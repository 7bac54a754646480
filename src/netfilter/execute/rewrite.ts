/**
 * Writes a chain anew beside the one in force: rules that stayed are copied word for word, the others compiled, the index made. Nobody goes
 * there yet, and nothing of the program has changed. Cold side.
 */
import type { Chain, Rule, TableName } from '../ruleset.ts';
import type { Arena } from './arena.ts';
import type { ChainWriter } from './chain-writer.ts';
import { planSegment } from './index/build.ts';
import type { LinkedChain } from './linked-chain.ts';
import { never } from './matches/header.ts';
import { tests } from './matches/table.ts';
import { OP_MASK, RULE_BYTES, RULE_HEAD, RULE_PACKETS, RULE_SEGMENT } from './program.ts';
import type { ProgramText } from './program-text.ts';

export interface Memory {
  readonly code: Arena;
  readonly counters: Float64Array;
  readonly index: Arena;
  readonly writer: ChainWriter;
  readonly text: ProgramText;
}

/** A chain that was written and is not yet reached. */
export interface Rewritten {
  readonly table: TableName;
  readonly chain: Chain;
  readonly before: LinkedChain | undefined;
  readonly start: number;
  readonly length: number;
  /** Of each rule and the end, in the code. */
  readonly places: Int32Array;
  /** By rule, then the end: its number before, or -1 where there was none. */
  readonly from: Int32Array;
  /** The rules count anew all the same. */
  readonly recounted: boolean;
  /** Operands of its jumps in the code, in the order of the rules: to be filled. */
  readonly jumps: readonly number[];
  readonly segment: number;
  readonly segmentLength: number;
  /** As in `LinkedChain`. */
  readonly states: readonly number[];
}

/**
 * @param renamed a chain that goes, under whose name its rules have stood
 * @param first number of its first rule
 * @param restarts does what its policy counts start anew?
 * @param recounted do its rules count anew, those that stayed too?
 * @param problems what `ChainWriter.check` said of rules that have come
 * @returns undefined when there is no room
 */
export function rewrite(
  chain: Chain,
  table: TableName,
  before: LinkedChain | undefined,
  renamed: LinkedChain | undefined,
  first: number,
  restarts: boolean,
  recounted: boolean,
  problems: ReadonlyMap<Rule, string>,
  memory: Memory,
): Rewritten | undefined {
  const { code, index, writer, text } = memory;
  const { rules } = chain;
  const source = before ?? renamed;
  const from = numbersBefore(chain, source);
  if (!restarts && before !== undefined && chain.policy !== undefined)
    from[rules.length] = before.text.first + before.text.chain.rules.length;
  const states: number[] = [];
  writer.rewind();
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]!;
    const used = from[i]! < 0 ? NONE : statesOf(source!, from[i]! - source!.text.first);
    const place = from[i]! < 0 ? -1 : text.place(from[i]!);
    if (place >= 0 && used.length === 0 && !(knowsItsNumber(rule) && matches(code.words, place))) {
      writer.copy(code.words, place, first + i);
      continue;
    }
    writer.out.inherited = used;
    writer.rule(rule, first + i, problems.get(rule));
    for (const state of writer.out.used) states.push(i, state);
  }
  writer.out.inherited = NONE;
  writer.end(chain, first + rules.length);
  const plan = planSegment(rules, name => writer.out.interface({ name, prefix: false }));
  const length = writer.out.at;
  const start = code.take(length);
  const segment = plan === undefined ? -1 : index.take(plan.length);
  if (start < 0 || (plan !== undefined && segment < 0)) return undefined;
  code.words.set(writer.out.code.subarray(0, length), start);
  const places = writer.places.filled.map(place => place + start);
  plan?.write(index.words, segment, places, places[rules.length]!);
  for (let i = 0; i < places.length; i++) {
    if (i < rules.length) code.words[places[i]! + RULE_SEGMENT] = segment;
    if (from[i]! >= 0 && !(recounted && i < rules.length)) continue;
    const { packets, bytes } = i < rules.length ? rules[i]! : chain;
    memory.counters[(places[i]! + RULE_PACKETS) >> 1] = packets;
    memory.counters[(places[i]! + RULE_BYTES) >> 1] = bytes;
  }
  const jumps = writer.jumps.map(jump => jump + start);
  return { table, chain, before, recounted, start, length, places, from, jumps, segment, segmentLength: plan?.length ?? 0, states };
}

/** Rules are known by themselves: the same object goes on. */
function numbersBefore({ rules }: Chain, before: LinkedChain | undefined): Int32Array {
  const from = new Int32Array(rules.length + 1).fill(-1);
  if (before === undefined) return from;
  const { chain, first } = before.text;
  const old = chain.rules;
  let low = 0;
  while (low < rules.length && low < old.length && rules[low] === old[low]) from[low] = first + low++;
  let high = 0;
  while (high < rules.length - low && high < old.length - low && rules[rules.length - 1 - high] === old[old.length - 1 - high]) {
    from[rules.length - 1 - high] = first + old.length - 1 - high;
    high++;
  }
  if (low + high >= rules.length || low + high >= old.length) return from;
  const middle = new Map<Rule, number>();
  for (let i = low; i < old.length - high; i++) middle.set(old[i]!, first + i);
  for (let i = low; i < rules.length - high; i++) from[i] = middle.get(rules[i]!) ?? -1;
  return from;
}

function statesOf({ states }: LinkedChain, rule: number): readonly number[] {
  const used: number[] = [];
  for (let i = 0; i < states.length; i += 2) if (states[i] === rule) used.push(states[i + 1]!);
  return used;
}

/** LOG and NFLOG give it to who reads the log. */
const knowsItsNumber = ({ target }: Rule): boolean => target?.kind === 'LOG' || target?.kind === 'NFLOG';

/** One that cannot be executed is kept as a rule that never matches, without its target. */
const matches = (code: Int32Array, place: number): boolean => tests[code[place + RULE_HEAD]! & OP_MASK] !== never;

const NONE: readonly never[] = [];
