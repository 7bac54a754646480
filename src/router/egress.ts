/**
 * The way out: POSTROUTING, then size, next hop and wire (`ip_output`, `ip_finish_output`, `ip_finish_output2`,
 * `net/ipv4/ip_output.c`).
 */
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import { Hook } from '../packet/verdict.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import { copyOut, copyToArena, waitFor } from './copy-out.ts';
import { mustStayWhole, tooBig } from './forward.ts';
import { fragment } from './fragment-out.ts';
import { sendError } from './icmp-error.ts';
import { type Interface, Link } from './interface.ts';
import { encapsulateIpip } from './ipip.ts';
import { type Plane, Step } from './plane.ts';
import { segment } from './segment.ts';
import { encapsulate } from './vxlan.ts';

export function egress(plane: Plane, p: Packet): Step {
  if (!plane.passes(Hook.Postrouting, p)) return Step.Done;
  plane.hooks.flows?.learn(plane, p);
  return sendOut(plane, p);
}

/** After POSTROUTING. Fragments come here by themselves: the hooks have seen the whole packet. */
export function sendOut(plane: Plane, p: Packet): Step {
  const oif = plane.interface(p.oif);
  if (oif === plane.lo) {
    p.iif = plane.lo.id;
    if (p.slot < 0) return Step.Receive;
    // `loopback_xmit` leaves it for later: whatever made it goes on first, and may end the connection that both have.
    if (plane.later(p, Step.Receive)) plane.hooks.hold(p);
    return Step.Kept;
  }
  if (tooBig(p, oif.mtu) || p.fragMaxSize !== 0) {
    if (!mustStayWhole(p, oif.mtu)) return fragment(plane, p, oif.mtu);
    sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.FragNeeded, oif.mtu);
    return plane.drop(p, DropReason.PktTooBig);
  }
  if (p.gsoType !== Gso.None && !takesSegments(oif)) return segment(plane, p);
  return resolve(plane, p, oif);
}

/** A device cuts segments when it speaks the virtio-net header. A tunnel sees to its own: how, depends on the way of its outer packet. */
const takesSegments = (oif: Interface): boolean => oif.link === Link.Vxlan || oif.link === Link.Ipip || oif.device?.offload === true;

/** `ip_finish_output2`: the MAC of the next hop, or a place in the queue of those who wait for it. */
function resolve(plane: Plane, p: Packet, oif: Interface): Step {
  if (oif.link === Link.Ipip) return encapsulateIpip(plane, p);
  if (p.macStands) return transmit(plane, p, oif);
  if (p.l3 - ethernet.HEADER_LEN < p.floor) return copyOut(plane, p, Step.Resume);
  if (isBroadcast(plane, p.nextHop, oif)) {
    ethernet.setDst(p.bytes, p.l3 - ethernet.HEADER_LEN, ethernet.BROADCAST);
    return transmit(plane, p, oif);
  }
  const entry = plane.neighbours.use(p.oif, p.nextHop);
  if (entry === -1) return plane.drop(p, DropReason.NeighQueuefull);
  if (plane.neighbours.isValid(entry)) return sendTo(plane, p, entry);

  const kept = p.slot >= 0 ? p : copyToArena(plane, p);
  if (kept === null) return plane.drop(p, DropReason.NoMemory);
  // Past POSTROUTING nothing asks for its connection again, which may be gone when the neighbour answers.
  kept.ct = -1;
  waitFor(plane, kept, entry);
  return kept === p ? Step.Kept : Step.Done;
}

/** Next hop known: `entry` holds its MAC. */
export function sendTo(plane: Plane, p: Packet, entry: number): Step {
  const oif = plane.interface(p.oif);
  if (oif.link === Link.Vxlan) return encapsulate(plane, p, entry);
  ethernet.setDst(p.bytes, p.l3 - ethernet.HEADER_LEN, plane.neighbours.macs, entry * 6);
  return transmit(plane, p, oif);
}

/** Everything but the destination MAC is written here. What the bridge forwards keeps its sender's MAC. */
function transmit(plane: Plane, p: Packet, oif: Interface): Step {
  p.start = p.l3 - ethernet.HEADER_LEN;
  if (p.physOut === 0) ethernet.setSrc(p.bytes, p.start, oif.mac);
  ethernet.setType(p.bytes, p.start, ethernet.EtherType.Ipv4);
  if (plane.tracer !== null && p.physOut === 0) plane.tracer.depart(p);
  oif.dirty = true;
  return oif.device!.transmit(p) ? Step.Done : plane.drop(p, oif.device!.failure ? DropReason.DevReady : DropReason.TxQueueFull);
}

const isBroadcast = (plane: Plane, address: number, oif: Interface): boolean =>
  address === -1 || (oif.resolves && plane.fib.addressTypeOn(address, oif.id) === 3);
