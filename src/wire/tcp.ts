/** TCP header (RFC 9293 section 3.1), read and written in place. `at` is the byte offset of the header in `b`. */
import { DropReason } from '../base/drop-reason.ts';
import { i32, setU16, setU32, u16, u32 } from './bytes.ts';

const SRC_PORT = 0;
const DST_PORT = 2;
const SEQ = 4;
const ACK = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const CHECKSUM = 16;
const URGENT_POINTER = 18;
export const HEADER_LEN = 20;
export const MAX_HEADER_LEN = 60;
export const CHECKSUM_OFFSET = CHECKSUM;

/** Control bits, low byte of the word at offset 12. */
export const Flag = { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16, Urg: 32, Ece: 64, Cwr: 128 } as const;

/** Option kinds (IANA "TCP Option Kind Numbers"). */
export const Option = { End: 0, Nop: 1, Mss: 2, WindowScale: 3, SackPermitted: 4, Sack: 5, Timestamps: 8 } as const;

/** Is there a whole header, options included, in `b[at, end)`? */
export function check(b: Uint8Array, at: number, end: number): DropReason {
  if (end - at < HEADER_LEN) return DropReason.PktTooSmall;
  const len = headerLength(b, at);
  return len < HEADER_LEN || at + len > end ? DropReason.TcpHdr : DropReason.None;
}

export const srcPort = (b: Uint8Array, at: number): number => u16(b, at + SRC_PORT);
export const dstPort = (b: Uint8Array, at: number): number => u16(b, at + DST_PORT);
/** Unsigned; compare modulo 2^32. */
export const seq = (b: Uint8Array, at: number): number => u32(b, at + SEQ);
export const ack = (b: Uint8Array, at: number): number => u32(b, at + ACK);
/** The same as int32: what window tracking computes with. */
export const seqI32 = (b: Uint8Array, at: number): number => i32(b, at + SEQ);
export const ackI32 = (b: Uint8Array, at: number): number => i32(b, at + ACK);
/** Header length in bytes, 0..60: `check` refuses less than 20. */
export const headerLength = (b: Uint8Array, at: number): number => (b[at + DATA_OFFSET]! >> 4) << 2;
/** The eight control bits CWR..FIN. */
export const flags = (b: Uint8Array, at: number): number => b[at + FLAGS]!;
/** The field as it stands: not scaled. */
export const window = (b: Uint8Array, at: number): number => u16(b, at + WINDOW);
export const checksum = (b: Uint8Array, at: number): number => u16(b, at + CHECKSUM);
export const urgentPointer = (b: Uint8Array, at: number): number => u16(b, at + URGENT_POINTER);
export const setSrcPort = (b: Uint8Array, at: number, v: number): void => setU16(b, at + SRC_PORT, v);
export const setDstPort = (b: Uint8Array, at: number, v: number): void => setU16(b, at + DST_PORT, v);
export const setSeq = (b: Uint8Array, at: number, v: number): void => setU32(b, at + SEQ, v);
export const setAck = (b: Uint8Array, at: number, v: number): void => setU32(b, at + ACK, v);
export const setFlags = (b: Uint8Array, at: number, v: number): void => {
  b[at + FLAGS] = v;
};
export const setWindow = (b: Uint8Array, at: number, v: number): void => setU16(b, at + WINDOW, v);
export const setChecksum = (b: Uint8Array, at: number, v: number): void => setU16(b, at + CHECKSUM, v);

/**
 * Offset of the first option of `kind` in the header that `check` accepted, or -1. A malformed list ends the search.
 * The option's length byte stands at the offset + 1.
 */
export function findOption(b: Uint8Array, at: number, kind: number): number {
  const end = at + headerLength(b, at);
  let i = at + HEADER_LEN;
  while (i < end) {
    const k = b[i]!;
    if (k === Option.End) return -1;
    if (k === Option.Nop) {
      i++;
      continue;
    }
    if (i + 1 >= end) return -1;
    const len = b[i + 1]!;
    if (len < 2 || i + len > end) return -1;
    if (k === kind) return i;
    i += len;
  }
  return -1;
}

/** Object form. Allocates: for labs, tests and printing. `options` is padded to a multiple of four bytes by the caller. */
export interface TcpHeader {
  srcPort: number;
  dstPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  checksum: number;
  urgentPointer: number;
  options: Uint8Array;
}

export function encode(h: TcpHeader, b: Uint8Array, at = 0): number {
  setSrcPort(b, at, h.srcPort);
  setDstPort(b, at, h.dstPort);
  setSeq(b, at, h.seq);
  setAck(b, at, h.ack);
  b[at + DATA_OFFSET] = ((HEADER_LEN + h.options.length) >> 2) << 4;
  setFlags(b, at, h.flags);
  setWindow(b, at, h.window);
  setChecksum(b, at, h.checksum);
  setU16(b, at + URGENT_POINTER, h.urgentPointer);
  b.set(h.options, at + HEADER_LEN);
  return at + HEADER_LEN + h.options.length;
}

export const decode = (b: Uint8Array, at = 0): TcpHeader => ({
  srcPort: srcPort(b, at),
  dstPort: dstPort(b, at),
  seq: seq(b, at),
  ack: ack(b, at),
  flags: flags(b, at),
  window: window(b, at),
  checksum: checksum(b, at),
  urgentPointer: urgentPointer(b, at),
  options: b.slice(at + HEADER_LEN, at + headerLength(b, at)),
});
