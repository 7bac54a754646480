/**
 * IPv4 options (RFC 791 section 3.1; `ip_options_compile` and `ip_forward_options`, `net/ipv4/ip_options.c`). On the way in the list is
 * checked and record route and timestamp are filled in; on the way out the address of the interface that is left takes the place that
 * was kept for it. Source routing is refused unless `accept_source_route` is on for `all` and the interface, which it is nowhere by
 * default.
 *
 * Differs from Linux: where source routing is accepted, the route is not followed; a packet goes where its destination says.
 */
import { DropReason } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import { setU32 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RouteType } from './fib.ts';
import { sendError } from './icmp-error.ts';
import { OptionType, TimestampKind, timeOfDay } from './option.ts';
import type { Plane } from './plane.ts';

/** What `checkOptions` says beside a `DropReason`: offset of the wrong byte from the header's start. */
let wrongAt = -1;

/**
 * After the routing decision, before the packet goes on. `deliver`: it is for this node.
 * @returns None, or why it is dropped; a malformed list has been answered with a parameter problem.
 */
export function checkOptions(plane: Plane, p: Packet, deliver: boolean): DropReason {
  wrongAt = -1;
  const changed = readOptions(plane, p, deliver);
  if (wrongAt >= 0) {
    sendError(plane, p, icmp.Type.ParameterProblem, 0, wrongAt << 24);
    return DropReason.IpOptionInvalid;
  }
  p.optionsChanged = changed;
  const iif = plane.interface(p.iif);
  const sourceRouted = p.sourceRoute && (plane.sysctls.all.accept_source_route & iif.sysctl.accept_source_route) === 0;
  return sourceRouted ? DropReason.IpOptionSourceRoute : DropReason.None;
}

/** @returns whether a byte was changed. Sets `wrongAt` and stops at the first byte that is wrong. */
function readOptions(plane: Plane, p: Packet, deliver: boolean): boolean {
  const b = p.bytes;
  const end = p.l4;
  let changed = false;
  let sawRoute = false;
  let sawTime = false;
  for (let at = p.l3 + ipv4.HEADER_LEN; at < end; ) {
    const type = b[at]!;
    if (type === OptionType.End) return clearRest(b, at + 1, end) || changed;
    if (type === OptionType.Nop) {
      at++;
      continue;
    }
    const length = at + 1 < end ? b[at + 1]! : 0;
    if (length < 2 || at + length > end) return wrong(p, at);
    switch (type) {
      case OptionType.LooseSourceRoute:
      case OptionType.StrictSourceRoute:
        if (length < 3) return wrong(p, at + 1);
        if (b[at + 2]! < 4) return wrong(p, at + 2);
        if (p.sourceRoute) return wrong(p, at);
        p.sourceRoute = true;
        break;
      case OptionType.RecordRoute:
        if (sawRoute) return wrong(p, at);
        sawRoute = true;
        if (recordRoute(plane, p, at, length, deliver)) changed = true;
        break;
      case OptionType.Timestamp:
        if (sawTime) return wrong(p, at);
        sawTime = true;
        if (timestamp(plane, p, at, length, deliver)) changed = true;
        break;
      case OptionType.RouterAlert:
        if (length < 4) return wrong(p, at + 1);
        break;
    }
    if (wrongAt >= 0) return false;
    at += length;
  }
  return changed;
}

function wrong(p: Packet, at: number): false {
  wrongAt = at - p.l3;
  return false;
}

/** Nothing may hide behind the end of the list. */
function clearRest(b: Uint8Array, at: number, end: number): boolean {
  let changed = false;
  for (let i = at; i < end; i++) {
    if (b[i] !== 0) changed = true;
    b[i] = 0;
  }
  return changed;
}

function recordRoute(plane: Plane, p: Packet, at: number, length: number, deliver: boolean): boolean {
  const b = p.bytes;
  if (length < 3) return wrong(p, at + 1);
  const pointer = b[at + 2]!;
  if (pointer < 4) return wrong(p, at + 2);
  if (pointer > length) return false;
  if (pointer + 3 > length) return wrong(p, at + 2);
  setU32(b, at + pointer - 1, specificDestination(plane, p, deliver));
  b[at + 2] = pointer + 4;
  p.routeSlot = at + pointer - 1 - p.l3;
  return true;
}

function timestamp(plane: Plane, p: Packet, at: number, length: number, deliver: boolean): boolean {
  const b = p.bytes;
  if (length < 4) return wrong(p, at + 1);
  const pointer = b[at + 2]!;
  if (pointer < 5) return wrong(p, at + 2);
  const kind = b[at + 3]! & 15;
  if (pointer > length) {
    if (kind === TimestampKind.Prespecified) return false;
    if (b[at + 3]! >> 4 === 15) return wrong(p, at + 3);
    b[at + 3]! += 0x10;
    return true;
  }
  if (pointer + 3 > length) return wrong(p, at + 2);
  const slot = at + pointer - 1;
  switch (kind) {
    case TimestampKind.TimeOnly:
      b[at + 2] = pointer + 4;
      setU32(b, slot, timeOfDay());
      return true;
    case TimestampKind.TimeAndAddress:
      if (pointer + 7 > length) return wrong(p, at + 2);
      b[at + 2] = pointer + 8;
      setU32(b, slot, specificDestination(plane, p, deliver));
      setU32(b, slot + 4, timeOfDay());
      p.timeSlot = slot - p.l3;
      return true;
    case TimestampKind.Prespecified: {
      if (pointer + 7 > length) return wrong(p, at + 2);
      const address = (b[slot]! << 24) | (b[slot + 1]! << 16) | (b[slot + 2]! << 8) | b[slot + 3]!;
      if (plane.fib.addressType(address) === RouteType.Unicast) return false;
      b[at + 2] = pointer + 8;
      setU32(b, slot + 4, timeOfDay());
      return true;
    }
    default:
      return false;
  }
}

/** `fib_compute_spec_dst`: the address by which the sender knows this node. */
function specificDestination(plane: Plane, p: Packet, deliver: boolean): number {
  const dst = ipv4.dst(p.bytes, p.l3);
  if (deliver && plane.fib.addressType(dst) === RouteType.Local) return dst;
  const src = ipv4.src(p.bytes, p.l3);
  const back = plane.fib.lookup(src);
  if (back === -1) return plane.interface(p.iif).sourceFor(src);
  const prefSrc = plane.fib.prefSrc[back]!;
  return prefSrc !== 0 ? prefSrc : plane.interface(plane.fib.oif[back]!).sourceFor(plane.fib.via[back]! || src);
}

/** On the way out: the places kept by `checkOptions` take the address of the interface that is left. */
export function forwardOptions(plane: Plane, p: Packet): void {
  if (p.routeSlot !== 0 || p.timeSlot !== 0) fillOptions(p, p.prefSrc !== 0 ? p.prefSrc : plane.interface(p.oif).sourceFor(p.nextHop));
  else finishOptions(p);
}

/** The header checksum covers what was changed on the way in: only now, so that an error before quotes it as it came. */
export function finishOptions(p: Packet): void {
  if (!p.optionsChanged) return;
  p.optionsChanged = false;
  ipv4.rewriteChecksum(p.bytes, p.l3);
}

/** Places that were kept for an address of this node take `source` (`ip_rt_get_source`): of a packet that it made, its own. */
export function fillOptions(p: Packet, source: number): void {
  if (p.routeSlot === 0 && p.timeSlot === 0) return;
  if (p.routeSlot !== 0) setU32(p.bytes, p.l3 + p.routeSlot, source);
  if (p.timeSlot !== 0) setU32(p.bytes, p.l3 + p.timeSlot, source);
  p.routeSlot = 0;
  p.timeSlot = 0;
  p.optionsChanged = false;
  ipv4.rewriteChecksum(p.bytes, p.l3);
}
