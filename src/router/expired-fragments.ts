/**
 * What is said about a datagram of which not all fragments came in time: "fragment reassembly time exceeded" (RFC 792), by the host that it
 * was for, when the first fragment is there to be quoted (`ip_expire`, `net/ipv4/ip_fragment.c`).
 */
import { DropReason } from '../base/drop-reason.ts';
import { PacketType } from '../packet/packet.ts';
import { copy } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RouteType } from './fib.ts';
import { sendError } from './icmp-error.ts';
import type { Plane } from './plane.ts';
import { checkAddresses, validateSource } from './source-check.ts';

/** Code of "time exceeded". */
const REASSEMBLY = 1;

/** @returns what gives up what has waited too long: to be called once per batch */
export function fragmentSweep(plane: Plane): () => void {
  const expired = (frame: Uint8Array, l3: number, iif: number): void => tellSender(plane, frame, l3, iif);
  return () => plane.reassembly.sweep(expired);
}

/** @param frame its first fragment; it was routed nowhere yet, so it is asked now whether it would be for this node */
function tellSender(plane: Plane, frame: Uint8Array, l3: number, iif: number): void {
  if (iif === 0) return; // a process of this node has sent it
  const src = ipv4.src(frame, l3);
  const dst = ipv4.dst(frame, l3);
  const from = plane.interface(iif);
  if (isForMany(frame, l3) || plane.fib.addressType(dst) !== RouteType.Local) return;
  if (checkAddresses(plane, from, src, dst) !== DropReason.None || validateSource(plane, from, src, 0) !== DropReason.None) return;
  const p = plane.arena.take(frame.length);
  if (p === null) {
    plane.drops.count(DropReason.NoMemory);
    return;
  }
  copy(frame, 0, p.bytes, p.start, frame.length);
  p.l3 = p.start + l3;
  p.l4 = p.l3 + ipv4.headerLength(p.bytes, p.l3);
  p.iif = iif;
  p.oif = plane.lo.id;
  p.type = PacketType.Host;
  sendError(plane, p, icmp.Type.TimeExceeded, REASSEMBLY, 0);
  plane.spend(p);
}

/** Group bit of the MAC address that the frame was sent to. */
const isForMany = (frame: Uint8Array, l3: number): boolean => l3 > 0 && (frame[0]! & 1) !== 0;
