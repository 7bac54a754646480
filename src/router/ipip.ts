/**
 * IPv4 in IPv4 (RFC 2003), as Linux's fallback device `tunl0` does it (`ip_tunnel_xmit` and `ip_tunnel_rcv`, `net/ipv4/ip_tunnel.c`; `ipip.c`). It has no peer:
 * the outer packet goes to the next hop of the route that led here, and whatever IPIP comes to this node comes in by it.
 *
 *     | IPv4: this node > next hop, protocol 4 | IPv4: as it was | ...
 *
 * Outside, TTL and DF are those inside; of the type of service only the ECN bits are. Mark and priority stay on the packet both ways, as an sk_buff keeps
 * them. What happens to the outer packet on its way is not told inside (`ipip_err`), but for a path MTU: it is kept.
 */
import type { Ipv4 } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import * as checksum from '../wire/checksum.ts';
import * as ecn from '../wire/ecn.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { copyOut } from './copy-out.ts';
import { RouteType } from './fib.ts';
import { sendError } from './icmp-error.ts';
import { chooseWayBetween, flowHash } from './multipath.ts';
import { PathMtu } from './path-mtu.ts';
import { type Plane, Step } from './plane.ts';
import { segment } from './segment.ts';

export class Ipip {
  /** Interface id of the device. */
  readonly id: number;
  /** Source of the outer packets. */
  readonly local: Ipv4;
  /** By outer destination. */
  readonly paths: PathMtu;

  constructor(id: number, local: Ipv4, clock: Clock) {
    this.id = id;
    this.local = local;
    this.paths = new PathMtu(clock);
  }
}

/** Wrap `p` for its next hop; it goes on as a packet of this node, routed already. */
export function encapsulateIpip(plane: Plane, p: Packet): Step {
  if (p.gsoType !== Gso.None) return segment(plane, p);
  if (p.l3 - ipv4.HEADER_LEN - ethernet.HEADER_LEN < p.floor) return copyOut(plane, p, Step.Resume);
  p.start = p.l3;
  if (plane.tracer !== null) plane.tracer.depart(p);
  const tunnel = tunnelOf(plane, p.oif);
  const node = p.nextHop;
  const { fib } = plane;
  // The outer packet's way does not depend on the mark: the tunnel has none of its own.
  let route = fib.lookup(node);
  if (route === -1 || (fib.type[route] !== RouteType.Unicast && fib.type[route] !== RouteType.Local))
    return plane.drop(p, DropReason.IpOutNoRoutes);
  if (fib.multipath && fib.ways[route]! > 0) route = chooseWayBetween(plane, route, tunnel.local, node, flowHash(plane, p));
  const oif = fib.type[route] === RouteType.Local ? plane.lo : plane.interface(fib.oif[route]!);
  if (oif.id === p.oif) return plane.drop(p, DropReason.TunnelLoop);

  const b = p.bytes;
  const mtu = tunnel.paths.towards(node, oif.mtu);
  const df = ipv4.dontFragment(b, p.l3);
  if (df && p.end - p.l3 > mtu - ipv4.HEADER_LEN) {
    tellSize(plane, p, mtu - ipv4.HEADER_LEN);
    return plane.drop(p, DropReason.PktTooBig);
  }
  writeOuter(plane, p, tunnel.local, node);
  p.oif = oif.id;
  const via = fib.via[route]!;
  p.nextHop = via === 0 ? node : via;
  p.prefSrc = tunnel.local;
  // On a path that is narrower than the device it leaves in pieces that fit there.
  if (p.end - p.l3 > mtu && mtu < oif.mtu) p.fragMaxSize = mtu;
  return Step.LocalOut;
}

function writeOuter(plane: Plane, p: Packet, src: Ipv4, dst: Ipv4): void {
  const b = p.bytes;
  const inner = p.l3;
  const { mark, priority, id } = p;
  const socketless = !p.local || p.socketless;
  p.forget();
  p.mark = mark;
  p.priority = priority;
  p.id = id;
  p.socketless = socketless;
  p.l4 = inner;
  p.l3 = inner - ipv4.HEADER_LEN;
  p.start = p.l3;
  const fragment = ipv4.dontFragment(b, inner) ? ipv4.DF : 0;
  const tos = ecn.outside(ipv4.tos(b, inner));
  ipv4.write(b, p.l3, tos, p.end - p.l3, plane.nextIpId(), fragment, ipv4.ttl(b, inner), ipv4.Protocol.Ipip, src, dst);
}

/** The sender is told the size that fits, also when his address was translated on the way here (`icmp_ndo_send`). */
function tellSize(plane: Plane, p: Packet, mtu: number): void {
  const translated = ipv4.src(p.bytes, p.l3);
  const source = plane.hooks.originalSource?.(p) ?? translated;
  if (source !== translated) ipv4.setSrc(p.bytes, p.l3, source);
  sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.FragNeeded, mtu);
  if (source !== translated) ipv4.setSrc(p.bytes, p.l3, translated);
}

/** An outer packet that was accepted by INPUT: the packet inside comes in on the tunnel. */
export function decapsulateIpip(plane: Plane, p: Packet): Step {
  const b = p.bytes;
  const inner = p.l4;
  if (p.end - inner < ipv4.HEADER_LEN) return plane.drop(p, DropReason.PktTooSmall);
  const was = ipv4.tos(b, inner);
  const tos = ecn.inside(ipv4.tos(b, p.l3), was);
  if (tos < 0) return plane.drop(p, DropReason.IpTunnelEcn);
  if (tos !== was) ipv4.setTos(b, inner, tos);
  const tunnel = tunnelFor(plane, ipv4.dst(b, p.l3));
  const { mark, priority, id } = p;
  p.forget();
  p.mark = mark;
  p.priority = priority;
  p.id = id;
  // A checksum or a segment that is left to the device is that of the packet inside.
  p.csumValid = false;
  p.iif = tunnel.id;
  p.start = inner;
  p.l3 = inner;
  if (plane.tracer !== null) plane.tracer.arrive(p);
  return Step.Receive;
}

/** An ICMP message for this node: is it about the size of an outer packet (`ipip_err`)? It goes on to whoever else may want it. */
export function hearIpipError(plane: Plane, p: Packet): void {
  const b = p.bytes;
  const quoted = p.l4 + icmp.HEADER_LEN;
  if (p.end - quoted < ipv4.HEADER_LEN + icmp.HEADER_LEN || icmp.type(b, p.l4) !== icmp.Type.DestUnreachable) return;
  if (icmp.code(b, p.l4) !== icmp.Unreachable.FragNeeded || ipv4.protocol(b, quoted) !== ipv4.Protocol.Ipip) return;
  if (!checksum.holds(0, b, p.l4, p.end)) return;
  const node = ipv4.dst(b, quoted);
  const route = plane.fib.lookup(node);
  if (route === -1) return;
  const device = plane.interface(plane.fib.oif[route]!).mtu;
  tunnelFor(plane, ipv4.src(b, quoted)).paths.learn(node, icmp.rest(b, p.l4) & 0xffff, device);
}

/** That of an interface. */
function tunnelOf(plane: Plane, id: number): Ipip {
  for (let i = 1; i < plane.ipip.length; i++) if (plane.ipip[i]!.id === id) return plane.ipip[i]!;
  return plane.ipip[0]!;
}

/** That of an address of this node, else the first: it takes what no other does (`ip_tunnel_lookup`). */
function tunnelFor(plane: Plane, local: Ipv4): Ipip {
  for (let i = 1; i < plane.ipip.length; i++) if (plane.ipip[i]!.local === local) return plane.ipip[i]!;
  return plane.ipip[0]!;
}
