/**
 * Many segments in one outer datagram (UDP segmentation offload, `__udp_gso_segment`, `net/ipv4/udp_offload.c`). A segment of up to 64 KiB that a
 * sender left to the device cannot be told to the kernel inside a tunnel: the virtio-net header has one pair of lengths. So it is cut here, each piece
 * with headers of its own, and the pieces stand one behind the other as the payload of one UDP datagram that is to be cut into equal parts:
 *
 *     | IPv4 | UDP |  VXLAN | Ethernet | IPv4 | TCP | MSS  |  VXLAN | Ethernet | IPv4 | TCP | MSS  |  ...
 *                  |<----------- gsoSize ----------------->|
 *
 * Whoever does not pass such a datagram on whole cuts it at these borders: on the wire stands what single packets would have been. A router that
 * gets it whole puts the pieces together again, as the kernel's GRO does; when they do not fit together each goes its own way.
 */
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import { copy, copyLong, u16, viewOf } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import type { Plane } from './plane.ts';
import { flagsOf } from './segment.ts';

/** In front of each inner packet, and in front of them all. */
export const INNER_FRONT = vxlan.HEADER_LEN + ethernet.HEADER_LEN;
export const OUTER_FRONT = ipv4.HEADER_LEN + udp.HEADER_LEN;
const LONGEST = 65_535;
const UDP_CHECKSUM_OFFSET = 6;
const TCP_DATA_OFFSET = 12;

/** May the segments of `p` travel so to `node`? TCP alone: it is what is put together again. */
export function goesAsTrain(plane: Plane, p: Packet, node: number): boolean {
  if (p.gsoType !== Gso.Tcp4 || p.csumStart === 0) return false;
  const route = plane.fib.lookup(node, p.mark);
  if (route === -1) return false;
  const stride = INNER_FRONT + p.l4 - p.l3 + tcp.headerLength(p.bytes, p.l4) + p.gsoSize;
  const underlay = plane.interface(plane.fib.oif[route]!);
  return underlay.device?.udpSegments === true && OUTER_FRONT + stride <= underlay.mtu;
}

/**
 * The pieces of `p` from byte `at` of its payload, as many as one datagram holds, behind room for the outer headers; `p` has the inner Ethernet
 * header in front of `p.l3`. The caller writes IPv4 and UDP, whose checksum is partial where there is more than one piece.
 *
 * @returns the datagram, `l3` at its place for IPv4; null when no slot is free
 */
export function train(plane: Plane, p: Packet, at: number, vni: number): Packet | null {
  const headers = p.l4 - p.l3 + tcp.headerLength(p.bytes, p.l4);
  const payload = p.end - p.l3 - headers;
  const stride = INNER_FRONT + headers + p.gsoSize;
  const count = Math.min(Math.floor((LONGEST - OUTER_FRONT) / stride), Math.ceil((payload - at) / p.gsoSize));
  const bytes = Math.min(count * p.gsoSize, payload - at);
  const s = plane.arena.take(ethernet.HEADER_LEN + OUTER_FRONT + count * (INNER_FRONT + headers) + bytes);
  if (s === null) return null;
  s.start += ethernet.HEADER_LEN;
  s.l3 = s.start;
  s.l4 = s.l3 + ipv4.HEADER_LEN;
  writePieces(p, at, s, bytes, stride, vni);
  if (count > 1) {
    s.gsoType = Gso.UdpL4;
    s.gsoSize = stride;
    s.csumStart = s.l4;
    s.csumOffset = UDP_CHECKSUM_OFFSET;
  }
  return s;
}

/** Payload bytes that one datagram of `train` takes. */
export const trainPayload = (p: Packet): number => {
  const headers = p.l4 - p.l3 + tcp.headerLength(p.bytes, p.l4);
  return Math.floor((LONGEST - OUTER_FRONT) / (INNER_FRONT + headers + p.gsoSize)) * p.gsoSize;
};

/**
 * `length` bytes of the payload of `p` from byte `from` on, in pieces one `stride` behind the other. Their headers are those of the first but for lengths,
 * identification, sequence number, flags and sums, and so are most words of the sums.
 */
function writePieces(p: Packet, from: number, s: Packet, length: number, stride: number, vni: number): void {
  const b = s.bytes;
  const first = s.l3 + OUTER_FRONT;
  const ipHeader = p.l4 - p.l3;
  const headers = ipHeader + tcp.headerLength(p.bytes, p.l4);
  const payload = p.end - p.l3 - headers;
  vxlan.write(b, first, vni);
  copyLong(p.bytes, p.l3 - ethernet.HEADER_LEN, b, first + vxlan.HEADER_LEN, ethernet.HEADER_LEN + headers);
  const ipSum = ipv4.commonSum(b, first + INNER_FRONT);
  const tcpSum = commonTcpSum(b, first + INNER_FRONT, first + INNER_FRONT + ipHeader);
  const id = ipv4.identification(p.bytes, p.l3) + Math.floor(from / p.gsoSize);
  const seq = tcp.seqI32(p.bytes, p.l4) + from;
  const dataOffset = p.bytes[p.l4 + TCP_DATA_OFFSET]! << 8;
  const flags = tcp.flags(p.bytes, p.l4);
  for (let done = 0, i = 0; done < length; done += p.gsoSize, i++) {
    const at = first + i * stride;
    if (i > 0) copyLong(b, first, b, at, INNER_FRONT + headers);
    const bytes = Math.min(p.gsoSize, length - done);
    const [l3, l4] = [at + INNER_FRONT, at + INNER_FRONT + ipHeader];
    const total = headers + bytes;
    ipv4.setOwn(b, l3, total, (id + i) & 0xffff, ipSum);
    const ownSeq = (seq + done) | 0;
    const ownFlags = flagsOf(flags, from + done === 0, from + done + bytes === payload);
    tcp.setSeq(b, l4, ownSeq >>> 0);
    tcp.setFlags(b, l4, ownFlags);
    const varying = (ownSeq >>> 16) + (ownSeq & 0xffff) + dataOffset + ownFlags + total - ipHeader;
    const sum = checksum.addCopied(tcpSum + varying, p.bytes, p.l3 + headers + from + done, b, l3 + headers, bytes);
    tcp.setChecksum(b, l4, ~checksum.foldWord(sum) & 0xffff);
  }
}

/** The words of a TCP header and of its pseudo-header without sequence number, data offset and flags, checksum, and length. */
const commonTcpSum = (b: Uint8Array, l3: number, l4: number): number =>
  checksum.add(checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), ipv4.Protocol.Tcp, 0), b, l4, l4 + tcp.headerLength(b, l4)) -
  (tcp.seqI32(b, l4) >>> 16) -
  (tcp.seqI32(b, l4) & 0xffff) -
  u16(b, l4 + TCP_DATA_OFFSET) -
  tcp.checksum(b, l4);

/** Pieces of `gsoSize` in `p` from `first` to `end`: are they one TCP segment, cut? Their checksums hold, or nothing has happened to them. */
export function fitsTogether(p: Packet, first: number, end: number): boolean {
  const b = p.bytes;
  const l3 = first + INNER_FRONT;
  if (p.gsoSize <= INNER_FRONT || ipv4.check(b, l3, first + p.gsoSize) !== DropReason.None) return false;
  if (ipv4.headerLength(b, l3) !== ipv4.HEADER_LEN || ipv4.protocol(b, l3) !== ipv4.Protocol.Tcp || ipv4.isFragment(b, l3)) return false;
  const l4 = l3 + ipv4.HEADER_LEN;
  if (tcp.check(b, l4, first + p.gsoSize) !== DropReason.None) return false;
  const headers = ipv4.HEADER_LEN + tcp.headerLength(b, l4);
  const mss = p.gsoSize - INNER_FRONT - headers;
  if (mss <= 0 || headers + end - first > LONGEST) return false;
  const seq = tcp.seqI32(b, l4);
  const ipSum = ipv4.commonSum(b, l3);
  const words = viewOf(b);
  // Unfinished outside: these bytes have been on no wire. The kernel does not look at sums inside of such a packet either.
  const vouched = p.csumStart !== 0;
  for (let at = first, i = 0; at < end; at += p.gsoSize, i++) {
    const pieceEnd = Math.min(at + p.gsoSize, end);
    const t = at + INNER_FRONT + ipv4.HEADER_LEN;
    if (pieceEnd - at <= INNER_FRONT + headers || ipv4.totalLength(b, at + INNER_FRONT) !== pieceEnd - at - INNER_FRONT) return false;
    if (i > 0 && (!ipv4.ownHolds(b, at + INNER_FRONT, ipSum) || !follows(words, first, at, headers, (seq + i * mss) | 0, pieceEnd === end)))
      return false;
    if (vouched) continue;
    const sum = checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), ipv4.Protocol.Tcp, pieceEnd - t);
    if (!checksum.holds(sum, b, t, pieceEnd)) return false;
  }
  return true;
}

/** Flags that a piece in the middle may not have, or the first may not be without: FIN and PSH on the last, CWR on the first. */
const MAY_DIFFER = tcp.Flag.Fin | tcp.Flag.Psh | tcp.Flag.Cwr;
const ENDED = tcp.Flag.Fin | tcp.Flag.Psh;

/**
 * Is the piece at `at` the one at `first`, but for lengths, identification, sums, and what grows? Word by word: one changed bit makes `different` other
 * than 0.
 */
function follows(b: DataView, first: number, at: number, headers: number, seq: number, last: boolean): boolean {
  const [l3, l4] = [first + INNER_FRONT, first + INNER_FRONT + ipv4.HEADER_LEN];
  const [n3, n4] = [at + INNER_FRONT, at + INNER_FRONT + ipv4.HEADER_LEN];
  let different = seq ^ b.getInt32(n4 + 4);
  // VXLAN, Ethernet, version and TOS; fragment word, TTL and protocol.
  for (let i = 0; i < INNER_FRONT + 2; i += 4) different |= b.getInt32(first + i) ^ b.getInt32(at + i);
  different |= b.getInt32(l3 + 6) ^ b.getInt32(n3 + 6);
  // Addresses and ports; acknowledgement; urgent pointer and options.
  for (let i = 12; i < 24; i += 4) different |= b.getInt32(l3 + i) ^ b.getInt32(n3 + i);
  different |= b.getInt32(l4 + 8) ^ b.getInt32(n4 + 8);
  different |= b.getUint16(l4 + 18) ^ b.getUint16(n4 + 18);
  for (let i = ipv4.HEADER_LEN; i < headers - ipv4.HEADER_LEN; i += 4) different |= b.getInt32(l4 + i) ^ b.getInt32(n4 + i);
  // Data offset, flags and window.
  const own = b.getInt32(l4 + TCP_DATA_OFFSET);
  const next = b.getInt32(n4 + TCP_DATA_OFFSET);
  different |= (own ^ next) & ~(MAY_DIFFER << 16);
  different |= (own & (ENDED << 16)) | (next & (tcp.Flag.Cwr << 16)) | (last ? 0 : next & (ENDED << 16));
  return different === 0;
}

/** Put the pieces together where the first one stands; `p` is then the inner packet, a segment for whoever cuts it next. */
export function putTogether(p: Packet, first: number, end: number): void {
  const b = p.bytes;
  const l3 = first + INNER_FRONT;
  const l4 = l3 + ipv4.HEADER_LEN;
  const headers = ipv4.HEADER_LEN + tcp.headerLength(b, l4);
  const stride = p.gsoSize;
  const mss = stride - INNER_FRONT - headers;
  let to = first + stride;
  let flags = tcp.flags(b, l4);
  for (let at = first + stride; at < end; at += stride) {
    flags |= tcp.flags(b, at + INNER_FRONT + ipv4.HEADER_LEN);
    const length = Math.min(at + stride, end) - at - INNER_FRONT - headers;
    copyLong(b, at + INNER_FRONT + headers, b, to, length);
    to += length;
  }
  p.end = to;
  tcp.setFlags(b, l4, flags);
  ipv4.setTotalLength(b, l3, to - l3);
  const sum = checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), ipv4.Protocol.Tcp, to - l4);
  tcp.setChecksum(b, l4, checksum.fold(sum));
  p.gsoType = Gso.Tcp4;
  p.gsoSize = mss;
  p.hdrLen = 0;
  p.csumStart = l4;
  p.csumOffset = tcp.CHECKSUM_OFFSET;
}

/**
 * The piece of `p` at `at` as an outer datagram of its own: link header, IPv4 and UDP of `p` with the length of one.
 * @returns null when no slot is free
 */
export function pieceOf(plane: Plane, p: Packet, at: number, end: number): Packet | null {
  const front = p.l4 + udp.HEADER_LEN - p.l3;
  const s = plane.arena.take(ethernet.HEADER_LEN + front + end - at);
  if (s === null) return null;
  s.l3 = s.start + ethernet.HEADER_LEN;
  s.l4 = s.l3 + (p.l4 - p.l3);
  copy(p.bytes, p.l3, s.bytes, s.l3, front);
  copyLong(p.bytes, at, s.bytes, s.l3 + front, end - at);
  s.inherit(p);
  s.csumStart = 0;
  s.gsoType = Gso.None;
  s.gsoSize = 0;
  s.hdrLen = 0;
  ipv4.setTotalLength(s.bytes, s.l3, front + end - at);
  udp.setLength(s.bytes, s.l4, udp.HEADER_LEN + end - at);
  udp.setChecksum(s.bytes, s.l4, 0);
  return s;
}
