/**
 * What Linux asks of addresses before a packet may go on (`ip_route_input_slow` and `__fib_validate_source`, `net/ipv4/route.c` and
 * `fib_frontend.c`): no martians, and the way back as `rp_filter` wants it.
 */
import { isLoopback, isMulticast, LIMITED_BROADCAST } from '../base/address.ts';
import { DropReason } from '../base/drop-reason.ts';
import { RouteType } from './fib.ts';
import type { Interface } from './interface.ts';
import type { Plane } from './plane.ts';

/** 224.0.0.1. */
export const ALL_HOSTS = 0xe000_0001 | 0;

/** Martian addresses that no table needs to be asked about. */
export function checkAddresses(plane: Plane, iif: Interface, src: number, dst: number): DropReason {
  if (isMulticast(src) || src === LIMITED_BROADCAST) return DropReason.IpInvalidSource;
  if (dst === LIMITED_BROADCAST || (src === 0 && (dst === 0 || dst === ALL_HOSTS))) return DropReason.None;
  // Of 0/8 only 0.0.0.0 itself is no address any more (Linux 5.3).
  if (src === 0) return DropReason.IpInvalidSource;
  if (dst === 0) return DropReason.IpInvalidDest;
  if ((isLoopback(dst) || isLoopback(src)) && !routesLocalnet(plane, iif)) return DropReason.IpLocalnet;
  return DropReason.None;
}

export const routesLocalnet = (plane: Plane, iif: Interface): boolean =>
  iif === plane.lo || (plane.sysctls.all.route_localnet | iif.sysctl.route_localnet) !== 0;

/**
 * May a packet with this source come in here?
 *
 * @param oif where it will leave (0 for this node): a packet that leaves as it came may cause a redirect, and is then checked in full
 */
export function validateSource(plane: Plane, iif: Interface, src: number, oif: number): DropReason {
  const mode = Math.max(plane.sysctls.all.rp_filter, iif.sysctl.rp_filter);
  const acceptLocal = (plane.sysctls.all.accept_local | iif.sysctl.accept_local) !== 0;
  const fib = plane.fib;
  if (mode === 0 && (iif.id !== oif || (plane.sysctls.all.send_redirects | iif.sysctl.send_redirects) === 0))
    return acceptLocal || fib.addressType(src) !== RouteType.Local ? DropReason.None : DropReason.IpInvalidSource;
  const route = fib.lookup(src);
  if (route === -1) return mode === 0 ? DropReason.None : DropReason.IpRpfilter;
  const type = fib.type[route];
  if (type === RouteType.Local) {
    if (!acceptLocal) return DropReason.IpInvalidSource;
    return mode === 1 && fib.addressTypeOn(src, iif.id) !== RouteType.Local ? DropReason.IpRpfilter : DropReason.None;
  }
  if (type !== RouteType.Unicast) return DropReason.IpInvalidSource;
  return mode === 1 && !fib.leadsBy(route, iif.id) ? DropReason.IpRpfilter : DropReason.None;
}
