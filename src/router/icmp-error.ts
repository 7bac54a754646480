/**
 * ICMP errors about a packet (`__icmp_send`, `net/ipv4/icmp.c`; RFC 1812 section 4.3.2). The packet is quoted as it stands now, up to
 * 576 bytes in all; the error is then a packet of this node like any other, so that conntrack translates the quoted headers back on
 * its way through OUTPUT and POSTROUTING.
 */
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import { copy } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RouteType } from './fib.ts';
import { echoOptions, putOptions } from './option-echo.ts';
import { type Plane, Step } from './plane.ts';

/** RFC 1812 section 4.3.2.3: at most this many bytes, IP header included. */
const MAX_ERROR = 576;
/** Internetwork control (RFC 1812 section 4.3.2.5). */
const TOS_CONTROL = 0xc0;
const TOS_BITS = 0x1e;
/** Types that the kernel counts among the errors (`icmp_pointers`): router advertisement and solicitation too, and those without a meaning. */
const NOT_ABOUT = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12].reduce((bits, type) => bits | (1 << type), 0);

/** @param rest the four bytes after the checksum: pointer, gateway, or next-hop MTU */
export function sendError(plane: Plane, about: Packet, type: number, code: number, rest: number): void {
  const b = about.bytes;
  const src = ipv4.src(b, about.l3);
  const dst = ipv4.dst(b, about.l3);
  if (about.type !== PacketType.Host || ipv4.fragmentOffset(b, about.l3) !== 0) return;
  if (src === 0 || plane.fib.isShared(src) || plane.fib.isShared(dst)) return;
  if (ipv4.protocol(b, about.l3) === ipv4.Protocol.Icmp) {
    // No error about an error, nor about a type that nobody knows (RFC 1122 section 3.2.2).
    const t = about.l4 < about.end ? icmp.type(b, about.l4) : 255;
    if (t > icmp.Type.AddressMaskReply || ((NOT_ABOUT >>> t) & 1) !== 0) return;
  }
  if (!plane.icmpLimit.allow(plane.sysctls.node, src, type, code)) {
    plane.drops.count(DropReason.IcmpRateLimit);
    return;
  }
  if (sending) return;
  const options = echoOptions(plane, about);
  if (options < 0) return;

  const route = plane.fib.lookup(src);
  const mtu = route === -1 ? MAX_ERROR : plane.interface(plane.fib.oif[route]!).mtu;
  const room = Math.min(mtu, MAX_ERROR) - ipv4.HEADER_LEN - options - icmp.HEADER_LEN;
  const quoted = Math.min(about.end - about.l3, room);
  const length = ipv4.HEADER_LEN + options + icmp.HEADER_LEN + quoted;
  const p = plane.arena.take(ethernet.HEADER_LEN + length);
  if (p === null) {
    plane.drops.count(DropReason.NoMemory);
    return;
  }
  p.l3 = p.start + ethernet.HEADER_LEN;
  p.l4 = p.l3 + ipv4.HEADER_LEN + options;
  copy(b, about.l3, p.bytes, p.l4 + icmp.HEADER_LEN, quoted);
  icmp.finish(p.bytes, p.l4, p.end, type, code, rest);
  const local = plane.fib.addressType(dst) === RouteType.Local;
  const from = local ? dst : sourceOf(plane, about);
  const tos = (ipv4.tos(b, about.l3) & TOS_BITS) | TOS_CONTROL;
  // A source of 0 is filled in by OUTPUT with the preferred source of the route back.
  ipv4.write(p.bytes, p.l3, tos, length, plane.nextIpId(), 0, plane.sysctls.node.ip_default_ttl, ipv4.Protocol.Icmp, from, src);
  putOptions(p);
  p.local = true;
  plane.hooks.attach(p, about);
  sendIcmp(plane, p);
}

/** Is an ICMP message of this node on its way out? */
let sending = false;

/**
 * Sends an ICMP message that this node made. What would be said about it while it is on its way out is not: the kernel has one socket
 * for all of them, which is in use then (`icmp_xmit_lock`).
 */
export function sendIcmp(plane: Plane, p: Packet): void {
  sending = true;
  plane.run(p, Step.Output);
  sending = false;
}

/** 0 (the route back decides), or with `icmp_errors_use_inbound_ifaddr` the address where the packet came in. */
const sourceOf = (plane: Plane, about: Packet): number =>
  plane.sysctls.node.icmp_errors_use_inbound_ifaddr !== 0 && about.iif !== 0
    ? plane.interface(about.iif).sourceFor(ipv4.src(about.bytes, about.l3))
    : 0;
