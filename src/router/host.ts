/**
 * A router without sockets of its own still answers for its addresses, as a host on which nothing listens: echo replies (RFC 1122
 * section 3.2.2.6), port and protocol unreachable, and a reset for TCP (RFC 9293 section 3.10.7.1).
 */
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import { transportHolds } from '../packet/transport-checksum.ts';
import { copy, setU32 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { sendError, sendIcmp } from './icmp-error.ts';
import { timeOfDay } from './option.ts';
import { echoOptions, putOptions } from './option-echo.ts';
import { type Plane, Step } from './plane.ts';
import { closedPort } from './tcp-reset.ts';

/** An answer takes over the segment's TOS without its ECN bits. */
const NOT_ECN = 0xfc;

export function answer(plane: Plane, p: Packet): Step {
  const protocol = ipv4.protocol(p.bytes, p.l3);
  if (protocol === ipv4.Protocol.Icmp) return echo(plane, p);
  if (protocol === ipv4.Protocol.Udp) return refuseUdp(plane, p);
  if (protocol === ipv4.Protocol.Tcp) {
    const bad = tcp.check(p.bytes, p.l4, p.end);
    if (bad !== DropReason.None) return plane.drop(p, bad);
    const mine = p.type === PacketType.Host && !plane.fib.isShared(ipv4.dst(p.bytes, p.l3));
    if (mine && transportHolds(p)) closedPort(plane, p, ipv4.tos(p.bytes, p.l3) & NOT_ECN);
    return plane.drop(p, DropReason.NoSocket);
  }
  sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.Protocol, 0);
  return plane.drop(p, DropReason.UnhandledProto);
}

function refuseUdp(plane: Plane, p: Packet): Step {
  const bad = udp.check(p.bytes, p.l4, p.end);
  if (bad !== DropReason.None) return plane.drop(p, bad);
  if (!transportHolds(p)) return plane.drop(p, DropReason.UdpCsum);
  // Whoever hands a datagram to sockets takes it off its connection first (`nf_reset_ct`): the error finds it again by what it quotes.
  p.ct = -1;
  p.untracked = false;
  sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.Port, 0);
  return plane.drop(p, DropReason.NoSocket);
}

function echo(plane: Plane, p: Packet): Step {
  const b = p.bytes;
  if (icmp.check(p.l4, p.end) !== DropReason.None) return plane.drop(p, DropReason.PktTooSmall);
  if (!checksum.holds(0, b, p.l4, p.end)) return plane.drop(p, DropReason.IcmpCsum);
  const type = icmp.type(b, p.l4);
  if (plane.fib.isShared(ipv4.dst(b, p.l3)) && plane.sysctls.node.icmp_echo_ignore_broadcasts !== 0)
    return plane.drop(p, DropReason.NoSocket);
  if (type === icmp.Type.Timestamp) return timestamp(plane, p);
  if (type !== icmp.Type.Echo || plane.sysctls.node.icmp_echo_ignore_all !== 0) return plane.drop(p, DropReason.NoSocket);
  const reply = replyTo(plane, p, p.end - p.l4);
  if (reply === null) return plane.drop(p, DropReason.NoMemory);
  copy(b, p.l4, reply.bytes, reply.l4, p.end - p.l4);
  icmp.finish(reply.bytes, reply.l4, reply.end, icmp.Type.EchoReply, icmp.code(b, p.l4), icmp.rest(b, p.l4));
  sendIcmp(plane, reply);
  return Step.Done;
}

/** Timestamp reply: originate time as it came, receive and transmit time ours (`icmp_timestamp`). */
function timestamp(plane: Plane, p: Packet): Step {
  if (p.end - p.l4 < icmp.HEADER_LEN + 4) return plane.drop(p, DropReason.PktTooSmall);
  const reply = replyTo(plane, p, icmp.HEADER_LEN + 12);
  if (reply === null) return plane.drop(p, DropReason.NoMemory);
  const at = reply.l4 + icmp.HEADER_LEN;
  copy(p.bytes, p.l4 + icmp.HEADER_LEN, reply.bytes, at, 4);
  setU32(reply.bytes, at + 4, timeOfDay());
  setU32(reply.bytes, at + 8, timeOfDay());
  icmp.finish(reply.bytes, reply.l4, reply.end, icmp.Type.TimestampReply, 0, icmp.rest(p.bytes, p.l4));
  sendIcmp(plane, reply);
  return Step.Done;
}

/** A packet back to the sender of `p`, its IPv4 header written; the `length` bytes behind it are the caller's. */
function replyTo(plane: Plane, p: Packet, length: number): Packet | null {
  const options = echoOptions(plane, p);
  if (options < 0) return null;
  const reply = plane.arena.take(ethernet.HEADER_LEN + ipv4.HEADER_LEN + options + length);
  if (reply === null) return null;
  reply.l3 = reply.start + ethernet.HEADER_LEN;
  reply.l4 = reply.l3 + ipv4.HEADER_LEN + options;
  // A broadcast is answered from the address of the interface: 0 is filled in by OUTPUT.
  const dst = ipv4.dst(p.bytes, p.l3);
  const from = plane.fib.isShared(dst) ? 0 : dst;
  const to = ipv4.src(p.bytes, p.l3);
  const ttl = plane.sysctls.node.ip_default_ttl;
  const total = ipv4.HEADER_LEN + options + length;
  ipv4.write(reply.bytes, reply.l3, ipv4.tos(p.bytes, p.l3), total, plane.nextIpId(), 0, ttl, ipv4.Protocol.Icmp, from, to);
  putOptions(reply);
  reply.local = true;
  return reply;
}
