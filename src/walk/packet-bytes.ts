/** A described packet as bytes, checksums and all. The path then treats it as any other. */

import { HEADROOM } from '../packet/arena.ts';
import { plainMemory } from '../packet/memory.ts';
import { Packet } from '../packet/packet.ts';
import { setU16, setU32 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import type { DescribedPacket } from './packet-words.ts';

const SCTP_HEADER_LEN = 12;
/** One chunk, INIT, which is how an association begins (RFC 9260 section 3.3.2). */
const SCTP_INIT_LEN = 20;
/** Where a described conversation begins. Conntrack is told not to insist. */
export const SEQUENCE = { client: 1000, server: 5000 } as const;

/** IPv4 header first; without a link header. */
export function packetBytes(d: DescribedPacket): Uint8Array {
  const transport = transportOf(d);
  const total = Math.max(d.length ?? 0, ipv4.HEADER_LEN + transport.length);
  const bytes = new Uint8Array(total);
  ipv4.encode(
    {
      tos: d.tos,
      totalLength: total,
      identification: 1,
      dontFragment: d.protocol === ipv4.Protocol.Tcp,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: d.ttl,
      protocol: d.protocol,
      src: d.src,
      dst: d.dst,
      options: new Uint8Array(0),
    },
    bytes,
  );
  bytes.set(transport, ipv4.HEADER_LEN);
  finishTransport(d, bytes, total);
  return bytes;
}

function transportOf(d: DescribedPacket): Uint8Array {
  switch (d.protocol) {
    case ipv4.Protocol.Tcp: {
      const options = d.mss === 0 ? new Uint8Array(0) : Uint8Array.of(tcp.Option.Mss, 4, d.mss >> 8, d.mss & 255);
      const b = new Uint8Array(tcp.HEADER_LEN + options.length);
      const first = (d.flags & tcp.Flag.Syn) !== 0;
      const ack = (d.flags & tcp.Flag.Ack) !== 0 ? SEQUENCE.server + 1 : 0;
      const seq = first ? SEQUENCE.client : SEQUENCE.client + 1;
      tcp.encode(
        { srcPort: d.srcPort, dstPort: d.dstPort, seq, ack, flags: d.flags, window: 64_240, checksum: 0, urgentPointer: 0, options },
        b,
      );
      return b;
    }
    case ipv4.Protocol.Icmp:
      return new Uint8Array(icmp.HEADER_LEN + (icmp.isError(d.icmpType) ? quoted(d).length : 0));
    case ipv4.Protocol.Udp:
      return new Uint8Array(udp.HEADER_LEN);
    default: {
      const b = new Uint8Array(SCTP_HEADER_LEN + SCTP_INIT_LEN);
      setU16(b, 0, d.srcPort);
      setU16(b, 2, d.dstPort);
      b[SCTP_HEADER_LEN] = 1;
      setU16(b, SCTP_HEADER_LEN + 2, SCTP_INIT_LEN);
      return b;
    }
  }
}

function finishTransport(d: DescribedPacket, b: Uint8Array, end: number): void {
  const at = ipv4.HEADER_LEN;
  const sum = () => checksum.finish(checksum.add(checksum.pseudoHeader(d.src, d.dst, d.protocol, end - at), b, at, end)) || 0xffff;
  switch (d.protocol) {
    case ipv4.Protocol.Tcp:
      tcp.setChecksum(b, at, sum());
      break;
    case ipv4.Protocol.Udp:
      udp.encode({ srcPort: d.srcPort, dstPort: d.dstPort, length: end - at, checksum: 0 }, b, at);
      udp.setChecksum(b, at, sum());
      break;
    case ipv4.Protocol.Icmp:
      if (icmp.isError(d.icmpType)) b.set(quoted(d), at + icmp.HEADER_LEN);
      icmp.finish(b, at, end, d.icmpType, d.icmpCode, icmp.isError(d.icmpType) ? 0 : 0x0001_0001);
      break;
  }
}

/** What an ICMP error is about: a UDP packet of the one to whom it is sent, towards the one who sends it. */
export const errorSubject = (d: DescribedPacket): DescribedPacket => ({
  protocol: ipv4.Protocol.Udp,
  src: d.dst,
  dst: d.src,
  srcPort: 40_000,
  dstPort: 33_434,
  flags: 0,
  mss: 0,
  icmpType: 0,
  icmpCode: 0,
  ttl: 64,
  tos: 0,
  mark: 0,
});
const quoted = (d: DescribedPacket): Uint8Array => packetBytes(errorSubject(d));

/** The bytes of an IP packet, or of a frame whose IP packet begins at `l3`, with room around them. */
export function packetOf(bytes: Uint8Array, l3 = 0): Packet {
  const memory = plainMemory(HEADROOM + bytes.length);
  memory.bytes.set(bytes, HEADROOM);
  const p = new Packet();
  p.borrow(memory, 0, HEADROOM, memory.bytes.length, memory.bytes.length);
  p.l3 = HEADROOM + l3;
  p.l4 = p.l3 + ipv4.headerLength(p.bytes, p.l3);
  return p;
}

/** The answering side's TCP numbers, for a packet that `packetBytes` made. */
export function asServer(bytes: Uint8Array, { seq, ack }: { seq: number; ack: number }): Uint8Array {
  const at = ipv4.headerLength(bytes, 0);
  setU32(bytes, at + 4, seq);
  setU32(bytes, at + 8, ack);
  tcp.setChecksum(bytes, at, 0);
  const pseudo = checksum.pseudoHeader(ipv4.src(bytes, 0), ipv4.dst(bytes, 0), ipv4.Protocol.Tcp, bytes.length - at);
  tcp.setChecksum(bytes, at, checksum.finish(checksum.add(pseudo, bytes, at, bytes.length)));
  return bytes;
}
