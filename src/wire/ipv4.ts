/**
 * IPv4 header (RFC 791), read and written in place. `at` is the offset of the version and IHL. Options are kept as they stand.
 *
 *     0       4       8              16  19                       31
 *     +-------+-------+--------------+----------------------------+
 *     |version|  IHL  | typeOfService|        totalLength         |   0
 *     |        identification        |flags|    fragmentOffset    |   4
 *     |  timeToLive   |   protocol   |       headerChecksum       |   8
 *     |                          source                           |  12
 *     |                        destination                        |  16
 *     |                    options (0..40 bytes)                  |  20
 */
import { DropReason } from '../base/drop-reason.ts';
import { i32, setU16, setU32, u16 } from './bytes.ts';
import * as checksum from './checksum.ts';

const TOS = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FRAGMENT = 6;
const TTL = 8;
const PROTOCOL = 9;
const HEADER_CHECKSUM = 10;
const SRC = 12;
const DST = 16;
export const HEADER_LEN = 20;
export const MAX_HEADER_LEN = 60;

/** Flags in the 16-bit word at offset 6. */
export const DF = 0x4000;
export const MF = 0x2000;
const OFFSET_MASK = 0x1fff;

/** IANA protocol numbers that the project meets. */
export const Protocol = {
  Icmp: 1,
  Igmp: 2,
  Ipip: 4,
  Tcp: 6,
  Udp: 17,
  Dccp: 33,
  Gre: 47,
  Esp: 50,
  Ah: 51,
  Sctp: 132,
  UdpLite: 136,
} as const;

/**
 * The checks of `ip_rcv_core` (`net/ipv4/ip_input.c`), in its order: length, version and IHL, header checksum, total length.
 * Bytes after `totalLength` are padding: the caller cuts them off.
 */
export function check(b: Uint8Array, at: number, end: number): DropReason {
  if (end - at < HEADER_LEN) return DropReason.PktTooSmall;
  const first = b[at]!;
  const ihl = (first & 15) << 2;
  if (first >> 4 !== 4 || ihl < HEADER_LEN || at + ihl > end) return DropReason.IpInHdr;
  if (!checksum.holds(0, b, at, at + ihl)) return DropReason.IpCsum;
  const total = u16(b, at + TOTAL_LENGTH);
  if (at + total > end) return DropReason.PktTooSmall;
  return total < ihl ? DropReason.IpInHdr : DropReason.None;
}

/** Header length in bytes, 20..60. */
export const headerLength = (b: Uint8Array, at: number): number => (b[at]! & 15) << 2;
export const tos = (b: Uint8Array, at: number): number => b[at + TOS]!;
export const totalLength = (b: Uint8Array, at: number): number => u16(b, at + TOTAL_LENGTH);
export const identification = (b: Uint8Array, at: number): number => u16(b, at + IDENTIFICATION);
/** Flags and offset as one word; `isFragment` and `fragmentOffset` read it. */
export const fragmentWord = (b: Uint8Array, at: number): number => u16(b, at + FRAGMENT);
export const dontFragment = (b: Uint8Array, at: number): boolean => (b[at + FRAGMENT]! & 0x40) !== 0;
export const moreFragments = (b: Uint8Array, at: number): boolean => (b[at + FRAGMENT]! & 0x20) !== 0;
/** In bytes. */
export const fragmentOffset = (b: Uint8Array, at: number): number => (u16(b, at + FRAGMENT) & OFFSET_MASK) << 3;
export const isFragment = (b: Uint8Array, at: number): boolean => (u16(b, at + FRAGMENT) & (MF | OFFSET_MASK)) !== 0;
export const ttl = (b: Uint8Array, at: number): number => b[at + TTL]!;
export const protocol = (b: Uint8Array, at: number): number => b[at + PROTOCOL]!;
export const headerChecksum = (b: Uint8Array, at: number): number => u16(b, at + HEADER_CHECKSUM);
export const src = (b: Uint8Array, at: number): number => i32(b, at + SRC);
export const dst = (b: Uint8Array, at: number): number => i32(b, at + DST);

const fix16 = (b: Uint8Array, at: number, from: number, to: number): void =>
  setU16(b, at + HEADER_CHECKSUM, checksum.update16(u16(b, at + HEADER_CHECKSUM), from, to));

/** Setters that keep the header checksum right (RFC 1624). The transport checksum is the caller's. */
export function setSrc(b: Uint8Array, at: number, v: number): void {
  setU16(b, at + HEADER_CHECKSUM, checksum.update32(u16(b, at + HEADER_CHECKSUM), i32(b, at + SRC), v));
  setU32(b, at + SRC, v);
}
export function setDst(b: Uint8Array, at: number, v: number): void {
  setU16(b, at + HEADER_CHECKSUM, checksum.update32(u16(b, at + HEADER_CHECKSUM), i32(b, at + DST), v));
  setU32(b, at + DST, v);
}
export function setTtl(b: Uint8Array, at: number, v: number): void {
  const from = u16(b, at + TTL);
  b[at + TTL] = v;
  fix16(b, at, from, u16(b, at + TTL));
}
export function setTos(b: Uint8Array, at: number, v: number): void {
  const from = u16(b, at);
  b[at + TOS] = v;
  fix16(b, at, from, u16(b, at));
}
export function setTotalLength(b: Uint8Array, at: number, v: number): void {
  fix16(b, at, u16(b, at + TOTAL_LENGTH), v);
  setU16(b, at + TOTAL_LENGTH, v);
}
export function setIdentification(b: Uint8Array, at: number, v: number): void {
  fix16(b, at, u16(b, at + IDENTIFICATION), v);
  setU16(b, at + IDENTIFICATION, v);
}
export function setFragmentWord(b: Uint8Array, at: number, v: number): void {
  fix16(b, at, u16(b, at + FRAGMENT), v);
  setU16(b, at + FRAGMENT, v);
}
/** Sum of the words that the packets have in common which one was cut into: all but total length, identification and checksum. */
export const commonSum = (b: Uint8Array, at: number): number =>
  checksum.add(0, b, at, at + headerLength(b, at)) - u16(b, at + TOTAL_LENGTH) - u16(b, at + IDENTIFICATION) - u16(b, at + HEADER_CHECKSUM);
/** The words that they have not in common; `common` as above. */
export function setOwn(b: Uint8Array, at: number, length: number, id: number, common: number): void {
  setU16(b, at + TOTAL_LENGTH, length);
  setU16(b, at + IDENTIFICATION, id);
  setU16(b, at + HEADER_CHECKSUM, ~checksum.foldWord(common + length + id) & 0xffff);
}
/** Does the checksum hold in a header with these common words? */
export const ownHolds = (b: Uint8Array, at: number, common: number): boolean =>
  checksum.foldWord(common + u16(b, at + TOTAL_LENGTH) + u16(b, at + IDENTIFICATION) + u16(b, at + HEADER_CHECKSUM)) === 0xffff;
/** Computes the header checksum anew: after options were changed. */
export function rewriteChecksum(b: Uint8Array, at: number): void {
  setU16(b, at + HEADER_CHECKSUM, 0);
  setU16(b, at + HEADER_CHECKSUM, checksum.of(b, at, at + headerLength(b, at)));
}

/** Writes a header of 20 bytes with its checksum. `length` is the total length. */
export function write(
  b: Uint8Array,
  at: number,
  typeOfService: number,
  length: number,
  id: number,
  fragment: number,
  timeToLive: number,
  proto: number,
  source: number,
  destination: number,
): void {
  b[at] = 0x45;
  b[at + TOS] = typeOfService;
  setU16(b, at + TOTAL_LENGTH, length);
  setU16(b, at + IDENTIFICATION, id);
  setU16(b, at + FRAGMENT, fragment);
  b[at + TTL] = timeToLive;
  b[at + PROTOCOL] = proto;
  setU32(b, at + SRC, source);
  setU32(b, at + DST, destination);
  rewriteChecksum(b, at);
}

/** Object form. Allocates: for labs, tests and printing. `fragmentOffset` in bytes, addresses int32. */
export interface Ipv4Header {
  tos: number;
  totalLength: number;
  identification: number;
  dontFragment: boolean;
  moreFragments: boolean;
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  src: number;
  dst: number;
  /** A multiple of four bytes, up to 40. */
  options: Uint8Array;
}

/** Writes the header with its checksum, returns the offset of the payload. */
export function encode(h: Ipv4Header, b: Uint8Array, at = 0): number {
  const fragment = (h.dontFragment ? DF : 0) | (h.moreFragments ? MF : 0) | (h.fragmentOffset >> 3);
  write(b, at, h.tos, h.totalLength, h.identification, fragment, h.ttl, h.protocol, h.src, h.dst);
  if (h.options.length > 0) {
    b.set(h.options, at + HEADER_LEN);
    b[at] = 0x40 | ((HEADER_LEN + h.options.length) >> 2);
    rewriteChecksum(b, at);
  }
  return at + HEADER_LEN + h.options.length;
}

export const decode = (b: Uint8Array, at = 0): Ipv4Header => ({
  tos: tos(b, at),
  totalLength: totalLength(b, at),
  identification: identification(b, at),
  dontFragment: dontFragment(b, at),
  moreFragments: moreFragments(b, at),
  fragmentOffset: fragmentOffset(b, at),
  ttl: ttl(b, at),
  protocol: protocol(b, at),
  src: src(b, at),
  dst: dst(b, at),
  options: b.slice(at + HEADER_LEN, at + headerLength(b, at)),
});
