/**
 * A packet that this node made: `__ip_local_out` (`net/ipv4/ip_output.c`). It came from a socket through the TUN, or the router made
 * it: an ICMP error, a reset, the outer packet of a tunnel.
 */
import { isLoopback } from '../base/address.ts';
import { DropReason } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import { Hook } from '../packet/verdict.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RouteType } from './fib.ts';
import { fillOptions } from './ip-options.ts';
import { chooseWay } from './multipath.ts';
import { type Plane, Step } from './plane.ts';
import { routesLocalnet } from './source-check.ts';

export function output(plane: Plane, p: Packet): Step {
  p.local = true;
  const failed = routeOutput(plane, p);
  return failed === DropReason.None ? localOut(plane, p) : plane.drop(p, failed);
}

/** A packet whose `oif`, `nextHop` and `prefSrc` stand. */
export function localOut(plane: Plane, p: Packet): Step {
  p.local = true;
  if (ipv4.src(p.bytes, p.l3) === 0) fillSource(plane, p);
  fillOptions(p, ipv4.src(p.bytes, p.l3));
  if (!plane.passes(Hook.Output, p)) return Step.Done;
  return Step.Egress;
}

/**
 * Sets `oif`, `nextHop` and `prefSrc` by the destination. Called again when a rule of OUTPUT changed what routing looks at
 * (`ip_route_me_harder`).
 */
export function routeOutput(plane: Plane, p: Packet): DropReason {
  const dst = ipv4.dst(p.bytes, p.l3);
  const { fib } = plane;
  let route = fib.lookup(dst, p.mark);
  if (route === -1) return DropReason.IpOutNoRoutes;
  const type = fib.type[route];
  if (type === RouteType.Local) {
    p.oif = plane.lo.id;
    p.nextHop = dst;
    p.prefSrc = dst;
    return DropReason.None;
  }
  if (type !== RouteType.Unicast && type !== RouteType.Broadcast) return DropReason.IpOutNoRoutes;
  if (fib.multipath && fib.ways[route]! > 0) route = chooseWay(plane, p, route);
  // 127/8 leaves only by interfaces that route it (`__mkroute_output`).
  const oif = plane.interface(fib.oif[route]!);
  if (isLoopback(ipv4.src(p.bytes, p.l3)) && !routesLocalnet(plane, oif)) return DropReason.IpOutNoRoutes;
  p.oif = oif.id;
  const via = fib.via[route]!;
  p.nextHop = via === 0 ? dst : via;
  p.prefSrc = fib.prefSrc[route]!;
  return DropReason.None;
}

/** The source of a packet that was made without one: the route's preferred source, else the interface's address. */
function fillSource(plane: Plane, p: Packet): void {
  const src = p.prefSrc !== 0 ? p.prefSrc : sourceAddress(plane, p.oif, p.nextHop);
  // Only ICMP is made without a source, and its sum does not cover addresses.
  ipv4.setSrc(p.bytes, p.l3, src);
}

/** The interface's address towards `nextHop`; of an interface without addresses, the first address of any other. */
export function sourceAddress(plane: Plane, oif: number, nextHop: number): number {
  const own = plane.interface(oif).sourceFor(nextHop);
  if (own !== 0) return own;
  for (let id = 1; id < plane.interfaces.length; id++) {
    const other = plane.interface(id);
    if (other !== plane.lo && other.addresses.length > 0) return other.addresses[0]!.address;
  }
  return 0;
}
