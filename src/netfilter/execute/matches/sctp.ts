/** `-m sctp`: `sctp_mt`, `net/netfilter/xt_sctp.c`. */
import type { Packet } from '../../../packet/packet.ts';
import { u16 } from '../../../wire/bytes.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';
import { asks, inRange, packRange } from './ports.ts';

const HEADER_LEN = 12;
const NOT_SRC = 1;
const NOT_DST = 2;
const How = { all: 0, any: 1, only: 2 } as const;

/** Operands: source range, destination range, inversions. */
export function sctpPorts(x: Execution, _p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(HEADER_LEN, false)) return false;
  const not = code[at + 3]!;
  return inRange(x.srcPort, code[at + 1]!) !== ((not & NOT_SRC) !== 0) && inRange(x.dstPort, code[at + 2]!) !== ((not & NOT_DST) !== 0);
}

/** Types that ALL has still to see. */
const missing = new Int32Array(8);
const has = (map: Int32Array, at: number, type: number): boolean => ((map[at + (type >> 5)]! >>> (type & 31)) & 1) === 1;

/** Operands: how, eight words with a bit per type, then one word per type whose flags count: type | mask << 8 | value << 16. */
export function sctpChunks(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(HEADER_LEN, false)) return false;
  return chunksHold(x, p, code, at) !== ((code[at]! & NOT) !== 0);
}

function chunksHold(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const b = p.bytes;
  const how = code[at + 1]!;
  const map = at + 2;
  for (let i = 0; i < 8; i++) missing[i] = code[map + i]!;
  let chunk = x.l4 + HEADER_LEN;
  do {
    const length = chunk + 4 <= p.end ? u16(b, chunk + 2) : 0;
    if (length === 0) {
      x.hotdrop = true;
      return false;
    }
    const type = b[chunk]!;
    const hit = has(code, map, type) && flagsHold(code, at, type, b[chunk + 1]!);
    if (hit && how === How.any) return true;
    if (!hit && how === How.only) return false;
    if (hit) missing[type >> 5]! &= ~(1 << (type & 31));
    chunk += (length + 3) & ~3;
  } while (chunk < p.end);
  if (how !== How.all) return how === How.only;
  for (let i = 0; i < 8; i++) if (missing[i] !== 0) return false;
  return true;
}

function flagsHold(code: Int32Array, at: number, type: number, flags: number): boolean {
  const end = at + (code[at]! >>> 16);
  for (let i = at + 10; i < end; i++) {
    const word = code[i]!;
    if ((word & 0xff) === type) return (flags & ((word >> 8) & 0xff)) === ((word >> 16) & 0xff);
  }
  return true;
}

export const sctp: MatchExtension<MatchOf<'sctp'>> = {
  tests: [sctpPorts, sctpChunks],
  emit({ srcPort, dstPort, chunkTypes }, out) {
    if (!chunkTypes || asks(srcPort) || asks(dstPort)) {
      out.test(sctpPorts, false, packRange(srcPort), packRange(dstPort));
      out.operand((srcPort?.not ? NOT_SRC : 0) | (dstPort?.not ? NOT_DST : 0));
    }
    if (!chunkTypes) return;
    const map = new Int32Array(8).fill(chunkTypes.every && chunkTypes.chunks.length === 0 ? -1 : 0);
    for (const { type } of chunkTypes.chunks) map[type >> 5]! |= 1 << (type & 31);
    out.test(sctpChunks, chunkTypes.not, How[chunkTypes.how]);
    for (const word of map) out.operand(word);
    for (const { type, flags } of chunkTypes.chunks) if (flags) out.operand(type | (flags.mask << 8) | (flags.value << 16));
  },
};
