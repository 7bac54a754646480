/** A packet for somebody else: `ip_forward` (`net/ipv4/ip_forward.c`). The TTL falls before FORWARD is asked. */
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet, PacketType } from '../packet/packet.ts';
import { Hook } from '../packet/verdict.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RouteType } from './fib.ts';
import { sendError } from './icmp-error.ts';
import type { Interface } from './interface.ts';
import { forwardOptions } from './ip-options.ts';
import { type Plane, Step } from './plane.ts';

export function forward(plane: Plane, p: Packet): Step {
  if (p.type !== PacketType.Host) return plane.drop(p, DropReason.OtherHost);
  const b = p.bytes;
  const ttl = ipv4.ttl(b, p.l3);
  if (ttl <= 1) {
    sendError(plane, p, icmp.Type.TimeExceeded, 0, 0);
    return plane.drop(p, DropReason.TtlExceeded);
  }
  const oif = plane.interface(p.oif);
  if (tooBig(p, oif.mtu) && mustStayWhole(p, oif.mtu)) {
    sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.FragNeeded, oif.mtu);
    return plane.drop(p, DropReason.PktTooBig);
  }
  lowerTtl(plane, p, ttl);
  if (p.oif === p.iif) redirect(plane, p);

  if (!plane.passes(Hook.Forward, p)) return Step.Done;
  if (p.l4 - p.l3 > ipv4.HEADER_LEN) forwardOptions(plane, p);
  return Step.Egress;
}

/** `ip_decrease_ttl`. */
export const lowerTtl = (plane: Plane, p: Packet, ttl: number): void => ipv4.setTtl(p.bytes, p.l3, plane.wrongTtl ? ttl - 2 : ttl - 1);

/** Longer than `mtu`: of a packet that the device will cut into segments, one segment counts (`ip_gso_network_seglen`). */
export const tooBig = (p: Packet, mtu: number): boolean =>
  (p.gsoType === Gso.None ? p.end - p.l3 : p.l4 - p.l3 + transportHeader(p) + p.gsoSize) > mtu;

/**
 * Must it stay whole (`ip_exceeds_mtu`, `ip_fragment`)? With DF it must, unless it came in fragments: then it may leave in fragments
 * again, when the largest of them fits.
 */
export const mustStayWhole = (p: Packet, mtu: number): boolean =>
  ipv4.dontFragment(p.bytes, p.l3) && (p.fragMaxSize === 0 || p.fragMaxSize > mtu);

/** Header length of the transport in a packet that is to be segmented: TCP with its options, or UDP. */
const transportHeader = (p: Packet): number => (p.gsoType === Gso.Tcp4 ? (p.bytes[p.l4 + 12]! >> 4) << 2 : 8);

/**
 * It leaves where it came in, and the sender is on that link: tell him of the next hop (RFC 1812 section 5.2.7.2). That he has no address in
 * common with it counts for nothing where a link is one medium (`shared_media`, which is on unless somebody turns it off).
 */
function redirect(plane: Plane, p: Packet): void {
  const iif = plane.interface(p.iif);
  if ((plane.sysctls.all.send_redirects | iif.sysctl.send_redirects) === 0) return;
  const src = ipv4.src(p.bytes, p.l3);
  if (!isNeighbour(plane, iif, src) || !plane.icmpLimit.allowRedirect(src)) return;
  sendError(plane, p, icmp.Type.Redirect, 1, p.nextHop);
}

/** Is the way back to him over this interface, and without a gateway (`__fib_validate_source`)? */
function isNeighbour(plane: Plane, iif: Interface, src: number): boolean {
  const { fib } = plane;
  const route = fib.lookup(src);
  if (route === -1) return false;
  return fib.type[route] === RouteType.Unicast && fib.oif[route] === iif.id ? fib.via[route] === 0 : iif.onLink(src);
}
