/**
 * Many segments in one outer datagram (UDP segmentation offload, `__udp_gso_segment`, `net/ipv4/udp_offload.c`). A segment of up to 64 KiB that a
 * sender left to the device cannot be told to the kernel inside a tunnel: the virtio-net header has one pair of lengths. So it is cut here, each piece
 * with headers of its own, and the pieces stand one behind the other as the payload of one UDP datagram that is to be cut into equal parts:
 *
 *     | IPv4 | UDP |  VXLAN | Ethernet | IPv4 | TCP | MSS  |  VXLAN | Ethernet | IPv4 | TCP | MSS  |  ...
 *                  |<----------- gsoSize ----------------->|
 *
 * Whoever does not pass such a datagram on whole cuts it at these borders: on the wire stands what single packets would have been. What a router does
 * that gets it whole stands in `vxlan-pieces.ts`.
 */
import type { Ipv4 } from '../base/address.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import { copyLong, u16 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import type { Plane } from './plane.ts';
import { flagsOf } from './segment.ts';
import type { Vxlan } from './vxlan.ts';

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
  const underlay = plane.interface(plane.fib.oif[route]!);
  return underlay.device?.udpSegments === true && OUTER_FRONT + strideOf(p) <= underlay.mtu;
}

/**
 * The datagram that is filled. What is left of a segment of 64 KiB, which with the headers of its pieces is more than a datagram holds, waits there for
 * the pieces of the next one: two datagrams for every segment would cost two of everything. Whoever sends something else into a tunnel, or flushes
 * the devices, sends it off first.
 */
export class Train {
  /** Null when none is open. */
  packet: Packet | null = null;
  tunnel: Vxlan | null = null;
  node = 0;
  port = 0;
  tos = 0;
  #stride = 0;
  #count = 0;
  #most = 0;
  #ended = false;

  /** May nothing be added any more? */
  get full(): boolean {
    return this.#ended || this.#count === this.#most;
  }

  /** May pieces of `p` be added, which go this way? */
  takes(p: Packet, tunnel: Vxlan, node: Ipv4, port: number, tos: number): boolean {
    const s = this.packet;
    if (s === null || this.full || this.#stride !== strideOf(p) || tunnel !== this.tunnel || node !== this.node) return false;
    return port === this.port && tos === this.tos && s.mark === p.mark && s.id === p.id && s.socketless === isSocketless(p);
  }

  /** An empty one for pieces of `p`. @returns false when no slot is free */
  open(plane: Plane, p: Packet, tunnel: Vxlan, node: Ipv4, port: number, tos: number): boolean {
    const s = plane.arena.take(ethernet.HEADER_LEN + LONGEST);
    if (s === null) return false;
    s.start += ethernet.HEADER_LEN;
    s.l3 = s.start;
    s.l4 = s.l3 + ipv4.HEADER_LEN;
    s.end = s.l3 + OUTER_FRONT;
    s.mark = p.mark;
    s.id = p.id;
    s.socketless = isSocketless(p);
    this.packet = s;
    this.tunnel = tunnel;
    this.node = node;
    this.port = port;
    this.tos = tos;
    this.#stride = strideOf(p);
    this.#count = 0;
    this.#most = Math.floor((LONGEST - OUTER_FRONT) / this.#stride);
    this.#ended = false;
    return true;
  }

  /**
   * The pieces of `p` from byte `at` of its payload, as many as there is room for; `p` has the inner Ethernet header in front of `p.l3`.
   * @returns the bytes of the payload that they hold
   */
  add(p: Packet, at: number, vni: number): number {
    const s = this.packet!;
    const payload = p.end - p.l4 - tcp.headerLength(p.bytes, p.l4);
    const count = Math.min(this.#most - this.#count, Math.ceil((payload - at) / p.gsoSize));
    const bytes = Math.min(count * p.gsoSize, payload - at);
    writePieces(p, at, s, bytes, this.#stride, vni);
    this.#count += count;
    // Behind a piece that is shorter than the others nothing can stand.
    this.#ended = bytes < count * p.gsoSize;
    return bytes;
  }

  /** The datagram without IPv4 and UDP, whose checksum is partial where there is more than one piece. */
  close(): Packet {
    const s = this.packet!;
    this.packet = null;
    if (this.#count > 1) {
      s.gsoType = Gso.UdpL4;
      s.gsoSize = this.#stride;
      s.csumStart = s.l4;
      s.csumOffset = UDP_CHECKSUM_OFFSET;
    }
    return s;
  }
}

const strideOf = (p: Packet): number => INNER_FRONT + p.l4 - p.l3 + tcp.headerLength(p.bytes, p.l4) + p.gsoSize;
const isSocketless = (p: Packet): boolean => !p.local || p.socketless;

/**
 * `length` bytes of the payload of `p` from byte `from` on, in pieces one `stride` behind the other, at the end of `s`. Their headers are those of the first but for lengths,
 * identification, sequence number, flags and sums, and so are most words of the sums.
 */
function writePieces(p: Packet, from: number, s: Packet, length: number, stride: number, vni: number): void {
  const b = s.bytes;
  const first = s.end;
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
    s.end = l3 + total;
  }
}

/** The words of a TCP header and of its pseudo-header without sequence number, data offset and flags, checksum, and length. */
const commonTcpSum = (b: Uint8Array, l3: number, l4: number): number =>
  checksum.add(checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), ipv4.Protocol.Tcp, 0), b, l4, l4 + tcp.headerLength(b, l4)) -
  (tcp.seqI32(b, l4) >>> 16) -
  (tcp.seqI32(b, l4) & 0xffff) -
  u16(b, l4 + TCP_DATA_OFFSET) -
  tcp.checksum(b, l4);
