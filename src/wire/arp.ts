/** ARP for IPv4 over Ethernet (RFC 826), read and written in place. `at` is the offset of `ar$hrd`. */
import { DropReason } from '../base/drop-reason.ts';
import { copy, i32, setU16, setU32, u16 } from './bytes.ts';

const HRD = 0;
const PRO = 2;
const HLN = 4;
const PLN = 5;
const OP = 6;
const SHA = 8;
const SPA = 14;
const THA = 18;
const TPA = 24;
export const HEADER_LEN = 28;

export const Op = { Request: 1, Reply: 2 } as const;

/** A whole packet that asks or tells about IPv4 over Ethernet? Another kind of hardware or protocol is not for us. */
export function check(b: Uint8Array, at: number, end: number): DropReason {
  if (end - at < HEADER_LEN) return DropReason.PktTooSmall;
  if (u16(b, at + HRD) !== 1 || u16(b, at + PRO) !== 0x0800 || b[at + HLN] !== 6 || b[at + PLN] !== 4) return DropReason.ArpInvalid;
  const o = op(b, at);
  return o === Op.Request || o === Op.Reply ? DropReason.None : DropReason.ArpInvalid;
}

export const op = (b: Uint8Array, at: number): number => u16(b, at + OP);
export const spa = (b: Uint8Array, at: number): number => i32(b, at + SPA);
export const tpa = (b: Uint8Array, at: number): number => i32(b, at + TPA);
export const shaAt = (at: number): number => at + SHA;
export const thaAt = (at: number): number => at + THA;

/** Writes a whole packet in place; MACs are six bytes at their offsets. */
export function write(
  b: Uint8Array,
  at: number,
  operation: number,
  sha: Uint8Array,
  spa: number,
  tha: Uint8Array,
  thaAt: number,
  tpa: number,
): void {
  setU16(b, at + HRD, 1);
  setU16(b, at + PRO, 0x0800);
  b[at + HLN] = 6;
  b[at + PLN] = 4;
  setU16(b, at + OP, operation);
  copy(sha, 0, b, at + SHA, 6);
  setU32(b, at + SPA, spa);
  copy(tha, thaAt, b, at + THA, 6);
  setU32(b, at + TPA, tpa);
}

/** Object form. Allocates: for labs, tests and printing. MACs are six bytes, protocol addresses int32. */
export interface ArpPacket {
  op: number;
  sha: Uint8Array;
  spa: number;
  tha: Uint8Array;
  tpa: number;
}

export function encode(p: ArpPacket, b: Uint8Array, at = 0): number {
  write(b, at, p.op, p.sha, p.spa, p.tha, 0, p.tpa);
  return at + HEADER_LEN;
}

export const decode = (b: Uint8Array, at = 0): ArpPacket => ({
  op: op(b, at),
  sha: b.slice(at + SHA, at + SHA + 6),
  spa: spa(b, at),
  tha: b.slice(at + THA, at + THA + 6),
  tpa: tpa(b, at),
});
