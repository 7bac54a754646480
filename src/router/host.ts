/**
 * A router without sockets of its own still answers for its addresses, as a host on which nothing listens: echo replies (RFC 1122
 * section 3.2.2.6), port and protocol unreachable, and a reset for TCP (RFC 9293 section 3.10.7.1).
 */
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import { transportHolds } from '../packet/transport-checksum.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { sendError } from './icmp-error.ts';
import { type Plane, Step } from './plane.ts';
import { tcpReset } from './tcp-reset.ts';

/** An answer takes over the segment's TOS without its ECN bits. */
const NOT_ECN = 0xfc;

export function answer(plane: Plane, p: Packet): Step {
  const protocol = ipv4.protocol(p.bytes, p.l3);
  if (protocol === ipv4.Protocol.Icmp) return echo(plane, p);
  if (protocol === ipv4.Protocol.Udp) return refuseUdp(plane, p);
  if (protocol === ipv4.Protocol.Tcp) {
    const bad = tcp.check(p.bytes, p.l4, p.end);
    if (bad !== DropReason.None) return plane.drop(p, bad);
    if (p.type === PacketType.Host && transportHolds(p)) tcpReset(plane, p, ipv4.tos(p.bytes, p.l3) & NOT_ECN);
    return plane.drop(p, DropReason.NoSocket);
  }
  sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.Protocol, 0);
  return plane.drop(p, DropReason.UnhandledProto);
}

function refuseUdp(plane: Plane, p: Packet): Step {
  const bad = udp.check(p.bytes, p.l4, p.end);
  if (bad !== DropReason.None) return plane.drop(p, bad);
  if (!transportHolds(p)) return plane.drop(p, DropReason.UdpCsum);
  sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.Port, 0);
  return plane.drop(p, DropReason.NoSocket);
}

function echo(plane: Plane, p: Packet): Step {
  const b = p.bytes;
  if (icmp.check(p.l4, p.end) !== DropReason.None) return plane.drop(p, DropReason.PktTooSmall);
  if (!checksum.holds(0, b, p.l4, p.end)) return plane.drop(p, DropReason.IcmpCsum);
  const ignored = p.type === PacketType.Host ? plane.sysctls.node.icmp_echo_ignore_all : plane.sysctls.node.icmp_echo_ignore_broadcasts;
  if (icmp.type(b, p.l4) !== icmp.Type.Echo || ignored !== 0) return plane.drop(p, DropReason.NoSocket);

  const length = p.end - p.l4;
  const reply = plane.arena.take(ethernet.HEADER_LEN + ipv4.HEADER_LEN + length);
  if (reply === null) return plane.drop(p, DropReason.NoMemory);
  reply.l3 = reply.start + ethernet.HEADER_LEN;
  reply.l4 = reply.l3 + ipv4.HEADER_LEN;
  for (let i = 0; i < length; i++) reply.bytes[reply.l4 + i] = b[p.l4 + i]!;
  icmp.finish(reply.bytes, reply.l4, reply.end, icmp.Type.EchoReply, icmp.code(b, p.l4), icmp.rest(b, p.l4));
  // A broadcast is answered from the address of the interface: 0 is filled in by OUTPUT.
  const from = p.type === PacketType.Host ? ipv4.dst(b, p.l3) : 0;
  const total = ipv4.HEADER_LEN + length;
  const ttl = plane.sysctls.node.ip_default_ttl;
  ipv4.write(reply.bytes, reply.l3, ipv4.tos(b, p.l3), total, plane.nextIpId(), 0, ttl, ipv4.Protocol.Icmp, from, ipv4.src(b, p.l3));
  reply.local = true;
  plane.run(reply, Step.Output);
  return Step.Done;
}
