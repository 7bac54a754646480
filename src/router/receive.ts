/** From the wire to a routing decision: `ip_rcv` and `ip_rcv_finish` (`net/ipv4/ip_input.c`). */
import { LIMITED_BROADCAST } from '../base/address.ts';
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import { Hook } from '../packet/verdict.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { betweenPorts, callsRules, isBetweenPorts, leadsBack } from './bridge.ts';
import { RouteType } from './fib.ts';
import { sendError } from './icmp-error.ts';
import type { Interface } from './interface.ts';
import { checkOptions } from './ip-options.ts';
import { chooseWay } from './multipath.ts';
import { type Plane, Step } from './plane.ts';
import { ALL_HOSTS, checkAddresses, validateSource } from './source-check.ts';

export function receive(plane: Plane, p: Packet): Step {
  const isForPort = isBetweenPorts(plane, p);
  if (p.type === PacketType.OtherHost && !isForPort) return plane.drop(p, DropReason.OtherHost);
  const bad = ipv4.check(p.bytes, p.l3, p.end);
  if (bad !== DropReason.None) return plane.drop(p, bad);
  p.end = p.l3 + ipv4.totalLength(p.bytes, p.l3);
  p.l4 = p.l3 + ipv4.headerLength(p.bytes, p.l3);
  if (callsRules(plane, p.iif)) return receiveInBridge(plane, p, isForPort);
  if (isForPort) return betweenPorts(plane, p);

  const dst = ipv4.dst(p.bytes, p.l3);
  const { flows } = plane.hooks;
  if (flows?.takes(plane, p)) {
    const step = flows.prerouting(plane, p);
    if (step !== Step.Receive) return step;
  } else if (!plane.passes(Hook.Prerouting, p)) return Step.Done;
  // What the loopback brings has its route from before, unless PREROUTING leads it elsewhere (`skb_dst_drop`).
  return routeInput(plane, p, p.iif === plane.lo.id && ipv4.dst(p.bytes, p.l3) === dst);
}

/** The rules are asked while the frame is still in the bridge (`br_nf_pre_routing`): what becomes of it depends on what they have written. */
function receiveInBridge(plane: Plane, p: Packet, isForPort: boolean): Step {
  const dst = ipv4.dst(p.bytes, p.l3);
  if (isForPort) p.type = PacketType.Host;
  if (!plane.passes(Hook.Prerouting, p)) return Step.Done;
  const isTranslated = ipv4.dst(p.bytes, p.l3) !== dst;
  if (isForPort && !isTranslated) return betweenPorts(plane, p);
  const staysInBridge = isTranslated && leadsBack(plane, p);
  if (plane.tracer !== null && !staysInBridge) plane.tracer.arrive(p);
  const next = routeInput(plane, p, false);
  return next === Step.Forward && staysInBridge ? Step.Bridge : next;
}

/**
 * Where does it go? Addresses are read again: PREROUTING may have changed them.
 *
 * @param hasRoute nobody asks whether its source may come in here
 */
function routeInput(plane: Plane, p: Packet, hasRoute: boolean): Step {
  const src = ipv4.src(p.bytes, p.l3);
  const dst = ipv4.dst(p.bytes, p.l3);
  const iif = plane.interface(p.iif);
  const martian = checkAddresses(plane, iif, src, dst);
  if (martian !== DropReason.None) return plane.drop(p, martian);
  if (dst === LIMITED_BROADCAST) return deliverBroadcast(plane, p, src);
  // Every interface is a member of one group (RFC 1112 section 7.2), and this router of no other.
  if (dst === ALL_HOSTS) return deliverBroadcast(plane, p, src);
  if (dst >>> 28 === 0xe) return plane.drop(p, DropReason.Multicast);

  const { fib } = plane;
  let route = fib.lookup(dst, p.mark);
  const type = route === -1 ? RouteType.Unspec : fib.type[route];
  if (type === RouteType.Broadcast) return deliverBroadcast(plane, p, src);
  if (type === RouteType.Local) {
    const wrong = hasRoute ? DropReason.None : validateSource(plane, iif, src, 0);
    if (wrong !== DropReason.None) return plane.drop(p, wrong);
    p.oif = plane.lo.id;
    if (!optionsHold(plane, p, true)) return Step.Done;
    return unicastToMany(plane, p, iif) ? plane.drop(p, DropReason.UnicastInL2Multicast) : Step.Deliver;
  }
  if (iif.sysctl.forwarding === 0) return plane.drop(p, DropReason.IpForwardingOff);
  if (type !== RouteType.Unicast) return refuse(plane, p, type as RouteType, src);

  if (fib.multipath && fib.ways[route]! > 0) route = chooseWay(plane, p, route);
  const oif = fib.oif[route]!;
  const wrong = hasRoute ? DropReason.None : validateSource(plane, iif, src, oif);
  if (wrong !== DropReason.None) return plane.drop(p, wrong);
  p.oif = oif;
  const via = fib.via[route]!;
  p.nextHop = via === 0 ? dst : via;
  p.prefSrc = fib.prefSrc[route]!;
  if (!optionsHold(plane, p, false)) return Step.Done;
  return Step.Forward;
}

/** A frame for many with a packet for one (RFC 1122 section 3.3.6), where `drop_unicast_in_l2_multicast` refuses it. */
const unicastToMany = (plane: Plane, p: Packet, iif: Interface): boolean =>
  (p.type === PacketType.Broadcast || p.type === PacketType.Multicast) &&
  (plane.sysctls.all.drop_unicast_in_l2_multicast | iif.sysctl.drop_unicast_in_l2_multicast) !== 0;

/** Options are looked at when it is known where the packet goes (`ip_rcv_options`). @returns false when they end it. */
function optionsHold(plane: Plane, p: Packet, deliver: boolean): boolean {
  if (p.l4 - p.l3 === ipv4.HEADER_LEN) return true;
  const refused = checkOptions(plane, p, deliver);
  if (refused === DropReason.None) return true;
  plane.drop(p, refused);
  return false;
}

/** No route, or one that says no: `ip_error` tells the sender why. Nobody asks whether he may send from there. */
function refuse(plane: Plane, p: Packet, type: RouteType, src: number): Step {
  if (!optionsHold(plane, p, false)) return Step.Done;
  if (type === RouteType.Blackhole) return plane.drop(p, DropReason.Blackhole);
  let code: number = icmp.Unreachable.Net;
  if (type === RouteType.Unreachable) code = icmp.Unreachable.Host;
  else if (type === RouteType.Prohibit) code = icmp.Unreachable.AdminProhibited;
  if (plane.icmpLimit.allowNoRoute(src)) sendError(plane, p, icmp.Type.DestUnreachable, code, 0);
  return plane.drop(p, DropReason.IpInNoRoutes);
}

function deliverBroadcast(plane: Plane, p: Packet, src: number): Step {
  if (src !== 0 && p.iif !== plane.lo.id) {
    const wrong = validateSource(plane, plane.interface(p.iif), src, 0);
    if (wrong !== DropReason.None) return plane.drop(p, wrong);
  }
  p.oif = plane.lo.id;
  return optionsHold(plane, p, true) ? Step.Deliver : Step.Done;
}
