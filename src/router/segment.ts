/**
 * A segment that the sender left to the device to cut (TSO, USO; `tcp_gso_segment` and `__udp_gso_segment`), cut here: the way out
 * leads into a tunnel, or through a device that cannot. POSTROUTING has seen it whole, as in the kernel.
 */
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import { copy, copyLong } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { type Plane, Step } from './plane.ts';

export function segment(plane: Plane, p: Packet): Step {
  const isTcp = p.gsoType === Gso.Tcp4;
  if (!isTcp && p.gsoType !== Gso.UdpL4) return plane.drop(p, DropReason.PktTooBig);
  const transport = isTcp ? tcp.headerLength(p.bytes, p.l4) : udp.HEADER_LEN;
  const headers = p.l4 - p.l3 + transport;
  const payload = p.end - p.l3 - headers;
  const id = ipv4.identification(p.bytes, p.l3);
  for (let at = 0, n = 0; at < payload; at += p.gsoSize, n++) {
    const length = Math.min(p.gsoSize, payload - at);
    const s = plane.arena.take(ethernet.HEADER_LEN + headers + length);
    if (s === null) return plane.drop(p, DropReason.NoMemory);
    s.l3 = s.start + ethernet.HEADER_LEN;
    s.l4 = s.l3 + (p.l4 - p.l3);
    if (p.l3 - p.start >= ethernet.HEADER_LEN) copy(p.bytes, p.l3 - ethernet.HEADER_LEN, s.bytes, s.start, ethernet.HEADER_LEN);
    copy(p.bytes, p.l3, s.bytes, s.l3, headers);
    copyLong(p.bytes, p.l3 + headers + at, s.bytes, s.l3 + headers, length);
    s.inherit(p);
    s.csumStart = 0;
    s.gsoType = Gso.None;
    s.gsoSize = 0;
    s.hdrLen = 0;
    ipv4.setTotalLength(s.bytes, s.l3, headers + length);
    ipv4.setIdentification(s.bytes, s.l3, (id + n) & 0xffff);
    if (isTcp) finishTcp(s.bytes, s.l3, s.l4, s.end, at, at + length === payload);
    else finishUdp(s);
    plane.later(s, Step.Resume);
  }
  return Step.Done;
}

/** FIN and PSH of a whole belong to the last segment, CWR to the first (RFC 3168 section 6.1.2). */
export const flagsOf = (whole: number, first: boolean, last: boolean): number =>
  whole & ~(last ? 0 : tcp.Flag.Fin | tcp.Flag.Psh) & ~(first ? 0 : tcp.Flag.Cwr);

/** The TCP header of a segment whose bytes begin `offset` bytes behind those of the whole: still as in the whole, its lengths written. */
function finishTcp(b: Uint8Array, l3: number, l4: number, end: number, offset: number, last: boolean): void {
  tcp.setSeq(b, l4, (tcp.seqI32(b, l4) + offset) >>> 0);
  tcp.setFlags(b, l4, flagsOf(tcp.flags(b, l4), offset === 0, last));
  tcp.setChecksum(b, l4, 0);
  tcp.setChecksum(b, l4, transportSum(b, l3, l4, end, ipv4.Protocol.Tcp));
}

function finishUdp(s: Packet): void {
  const b = s.bytes;
  udp.setLength(b, s.l4, s.end - s.l4);
  udp.setChecksum(b, s.l4, 0);
  udp.setChecksum(b, s.l4, transportSum(b, s.l3, s.l4, s.end, ipv4.Protocol.Udp) || 0xffff);
}

const transportSum = (b: Uint8Array, l3: number, l4: number, end: number, protocol: number): number =>
  checksum.finish(checksum.add(checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), protocol, end - l4), b, l4, end));
