/**
 * The pieces of a datagram that nobody has cut (`vxlan-train.ts`), at the other end of the tunnel: those that follow each other are put together to a
 * segment again, as the kernel's GRO does, where they stand; what fits nothing goes its own way.
 */
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import { copyLong, viewOf } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { INNER_FRONT } from './vxlan-train.ts';

const LONGEST = 65_535;
const TCP_DATA_OFFSET = 12;

/**
 * Where the pieces from `first` on that are one TCP segment, cut, end: pieces of `gsoSize` in `p` up to `end`, whose checksums hold or to which nothing
 * has happened. One piece at least, whatever it is.
 */
export function runEnd(p: Packet, first: number, end: number): number {
  const b = p.bytes;
  const l3 = first + INNER_FRONT;
  const alone = first + p.gsoSize;
  if (alone >= end) return end;
  if (p.gsoSize <= INNER_FRONT || ipv4.check(b, l3, alone) !== DropReason.None) return alone;
  if (ipv4.headerLength(b, l3) !== ipv4.HEADER_LEN || ipv4.protocol(b, l3) !== ipv4.Protocol.Tcp || ipv4.isFragment(b, l3)) return alone;
  const l4 = l3 + ipv4.HEADER_LEN;
  if (tcp.check(b, l4, alone) !== DropReason.None) return alone;
  const headers = ipv4.HEADER_LEN + tcp.headerLength(b, l4);
  const mss = p.gsoSize - INNER_FRONT - headers;
  if (mss <= 0) return alone;
  const seq = tcp.seqI32(b, l4);
  const ipSum = ipv4.commonSum(b, l3);
  const words = viewOf(b);
  // Unfinished outside: these bytes have been on no wire. The kernel does not look at sums inside of such a packet either.
  const vouched = p.csumStart !== 0;
  for (let at = first, i = 0; at < end; at += p.gsoSize, i++) {
    const pieceEnd = Math.min(at + p.gsoSize, end);
    if (pieceEnd - at <= INNER_FRONT + headers || ipv4.totalLength(b, at + INNER_FRONT) !== pieceEnd - at - INNER_FRONT)
      return Math.max(at, alone);
    if (i > 0 && !(ipv4.ownHolds(b, at + INNER_FRONT, ipSum) && follows(words, first, at, headers, (seq + i * mss) | 0))) return at;
    if (!vouched && !tcpHolds(b, at + INNER_FRONT, pieceEnd)) return Math.max(at, alone);
    // FIN and PSH end a segment.
    if ((tcp.flags(b, at + INNER_FRONT + ipv4.HEADER_LEN) & ENDED) !== 0) return pieceEnd;
  }
  return end;
}

const tcpHolds = (b: Uint8Array, l3: number, end: number): boolean => {
  const l4 = l3 + ipv4.HEADER_LEN;
  return checksum.holds(checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), ipv4.Protocol.Tcp, end - l4), b, l4, end);
};

const ENDED = tcp.Flag.Fin | tcp.Flag.Psh;
/** The last piece may have what ends a segment, the first CWR. */
const MAY_DIFFER = ENDED | tcp.Flag.Cwr;

/**
 * Is the piece at `at` the one at `first`, but for lengths, identification, sums, and what grows? Word by word: one changed bit makes `different` other
 * than 0.
 */
function follows(b: DataView, first: number, at: number, headers: number, seq: number): boolean {
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
  different |= next & (tcp.Flag.Cwr << 16);
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
  finishSegment(p, l3, l4, mss);
}

/** Lengths and sums of the segment that ends at `p.end`. */
function finishSegment(p: Packet, l3: number, l4: number, mss: number): void {
  const b = p.bytes;
  ipv4.setTotalLength(b, l3, p.end - l3);
  const sum = checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), ipv4.Protocol.Tcp, p.end - l4);
  tcp.setChecksum(b, l4, checksum.fold(sum));
  p.gsoType = Gso.Tcp4;
  p.gsoSize = mss;
  p.hdrLen = 0;
  p.csumStart = l4;
  p.csumOffset = tcp.CHECKSUM_OFFSET;
}

/**
 * The last segment of a datagram, as long as the next datagram of the same batch may begin with more of it: with the headers of its pieces a segment of
 * 64 KiB is more than one datagram holds.
 */
export class Unfinished {
  /** Null when there is none. It stands as it came out of the tunnel. */
  packet: Packet | null = null;

  /** May `p`, out of the tunnel as a segment, go on in the next datagram? Its bytes are borrowed until the devices are flushed. */
  mayBe(p: Packet): boolean {
    if (p.gsoType !== Gso.Tcp4 || p.slot >= 0) return false;
    const l4 = p.l3 + ipv4.HEADER_LEN;
    const payload = p.end - l4 - tcp.headerLength(p.bytes, l4);
    return payload % p.gsoSize === 0 && (tcp.flags(p.bytes, l4) & ENDED) === 0 && p.end - p.l3 + p.gsoSize <= LONGEST;
  }

  /** Put what `p` holds behind it, when `p` goes on where it ends. Then nothing is left of `p`. @returns false when it does not */
  takes(p: Packet): boolean {
    const s = this.packet;
    if (s === null || s.bytes !== p.bytes || s.iif !== p.iif || s.type !== p.type || s.mark !== p.mark || s.id !== p.id) return false;
    const l4 = s.l3 + ipv4.HEADER_LEN;
    const headers = ipv4.HEADER_LEN + tcp.headerLength(s.bytes, l4);
    const payload = p.end - p.l3 - headers;
    if (payload <= 0 || s.end + payload > s.ceiling || s.end - s.l3 + payload > LONGEST) return false;
    if (p.gsoType === Gso.None ? payload > s.gsoSize : p.gsoSize !== s.gsoSize) return false;
    const seq = (tcp.seqI32(s.bytes, l4) + s.end - s.l3 - headers) | 0;
    if (!follows(viewOf(s.bytes), s.l3 - INNER_FRONT, p.l3 - INNER_FRONT, headers, seq)) return false;
    copyLong(p.bytes, p.l3 + headers, s.bytes, s.end, payload);
    s.end += payload;
    tcp.setFlags(s.bytes, l4, tcp.flags(s.bytes, l4) | tcp.flags(p.bytes, p.l3 + ipv4.HEADER_LEN));
    finishSegment(s, s.l3, l4, s.gsoSize);
    return true;
  }
}
