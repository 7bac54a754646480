/** UDP header (RFC 768), read and written in place. `at` is the byte offset of the header in `b`. */
import { DropReason } from '../base/drop-reason.ts';
import { setU16, u16 } from './bytes.ts';

const SRC_PORT = 0;
const DST_PORT = 2;
const LENGTH = 4;
const CHECKSUM = 6;
export const HEADER_LEN = 8;
/** Offset of the checksum field in the header, for partial checksums. */
export const CHECKSUM_OFFSET = CHECKSUM;

/** Once per packet, before any accessor: is there a whole datagram in `b[at, end)`? */
export function check(b: Uint8Array, at: number, end: number): DropReason {
  if (end - at < HEADER_LEN) return DropReason.PktTooSmall;
  const len = length(b, at);
  return len < HEADER_LEN || at + len > end ? DropReason.UdpLength : DropReason.None;
}

export const srcPort = (b: Uint8Array, at: number): number => u16(b, at + SRC_PORT);
export const dstPort = (b: Uint8Array, at: number): number => u16(b, at + DST_PORT);
/** Header and payload, 8..65535. */
export const length = (b: Uint8Array, at: number): number => u16(b, at + LENGTH);
/** 0 means "none was computed". */
export const checksum = (b: Uint8Array, at: number): number => u16(b, at + CHECKSUM);
export const setSrcPort = (b: Uint8Array, at: number, v: number): void => setU16(b, at + SRC_PORT, v);
export const setDstPort = (b: Uint8Array, at: number, v: number): void => setU16(b, at + DST_PORT, v);
export const setLength = (b: Uint8Array, at: number, v: number): void => setU16(b, at + LENGTH, v);
export const setChecksum = (b: Uint8Array, at: number, v: number): void => setU16(b, at + CHECKSUM, v);

/** Object form. Allocates: for labs, tests and printing. */
export interface UdpHeader {
  srcPort: number;
  dstPort: number;
  length: number;
  checksum: number;
}

export function encode(h: UdpHeader, b: Uint8Array, at = 0): number {
  setSrcPort(b, at, h.srcPort);
  setDstPort(b, at, h.dstPort);
  setLength(b, at, h.length);
  setChecksum(b, at, h.checksum);
  return at + HEADER_LEN;
}

export const decode = (b: Uint8Array, at = 0): UdpHeader => ({
  srcPort: srcPort(b, at),
  dstPort: dstPort(b, at),
  length: length(b, at),
  checksum: checksum(b, at),
});
