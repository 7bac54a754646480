/**
 * ARP both ways (RFC 826; `arp_process` and `arp_solicit`, `net/ipv4/arp.c`): answers for the node's addresses, learns from what it
 * hears, asks for next hops. On a bridge whose pods do not hear each other it also answers for the pods, with their own MACs, once it knows that
 * they are there.
 */
import type { Ipv4 } from '../base/address.ts';
import { isLoopback, isMulticast } from '../base/address.ts';
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import * as arp from '../wire/arp.ts';
import { copy, same } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RouteType } from './fib.ts';
import type { Interface } from './interface.ts';
import { sourceAddress } from './output.ts';
import { type Plane, Step } from './plane.ts';

/** Ethernet pads to 60 bytes; the kernel's own ARP packets leave a veth with 42. */
const FRAME_LEN = ethernet.HEADER_LEN + arp.HEADER_LEN;
const ZERO_MAC = new Uint8Array(6);

/** An ARP frame came in on `p.iif`; `p.l3` stands behind the Ethernet header. */
export function arrive(plane: Plane, p: Packet): Step {
  const b = p.bytes;
  if (p.type === PacketType.OtherHost) return plane.drop(p, DropReason.OtherHost);
  const bad = arp.check(b, p.l3, p.end);
  if (bad !== DropReason.None) return plane.drop(p, bad);
  const iif = plane.interface(p.iif);
  const spa = arp.spa(b, p.l3);
  const tpa = arp.tpa(b, p.l3);
  if (isMulticast(tpa) || (isLoopback(tpa) && iif.sysctl.route_localnet === 0)) return plane.drop(p, DropReason.ArpInvalid);
  if (arp.op(b, p.l3) === arp.Op.Request) {
    answerRequest(plane, p, iif, spa, tpa);
    return Step.Done;
  }
  // A unicast reply confirms; one that was broadcast only tells (NUD_STALE).
  const ofHimself = spa === tpa && same(b, arp.shaAt(p.l3), b, arp.thaAt(p.l3), 6);
  plane.neighbours.learn(iif.id, spa, b, arp.shaAt(p.l3), p.type === PacketType.Host, iif.sysctl.arp_accept !== 0, ofHimself);
  return Step.Done;
}

function answerRequest(plane: Plane, p: Packet, iif: Interface, spa: Ipv4, tpa: Ipv4): void {
  const b = p.bytes;
  const sha = arp.shaAt(p.l3);
  // Duplicate address detection (RFC 5227 section 2.1.1) asks with a sender of 0.0.0.0: an owner answers, nothing is learnt.
  if (spa === 0) {
    if (ownsForArp(plane, iif, tpa)) sendReply(plane, iif, tpa, b, sha, spa);
    return;
  }
  if (ownsForArp(plane, iif, tpa)) {
    plane.neighbours.learn(iif.id, spa, b, sha, false, true, true);
    sendReply(plane, iif, tpa, b, sha, spa);
    return;
  }
  if (answersForOther(plane, iif, spa, tpa)) {
    plane.neighbours.learn(iif.id, spa, b, sha, false, true, true);
    sendReply(plane, iif, tpa, b, sha, spa);
    return;
  }
  const port = plane.bridge[iif.id]!;
  if (port?.nfCall && spa !== tpa && iif.onLink(tpa)) answerForPod(plane, iif, b, sha, spa, tpa);
  else plane.neighbours.learn(iif.id, spa, b, sha, false, false, spa === tpa);
}

/** arp_ignore 0: any address of the node; 1: one of this interface; 2: and on the sender's network; 8: none. */
function ownsForArp(plane: Plane, iif: Interface, tpa: Ipv4): boolean {
  if (plane.fib.addressType(tpa) !== RouteType.Local) return false;
  const ignore = Math.max(plane.sysctls.all.arp_ignore, iif.sysctl.arp_ignore);
  if (ignore === 0) return true;
  if (ignore === 8) return false;
  return iif.addresses.some(a => a.address === tpa);
}

/**
 * proxy_arp: a request for an address that is reached by another interface.
 * Differs from Linux: answered at once, as with `neigh.IF.proxy_delay` 0; by default Linux waits a random time of up to 0.8 s.
 */
function answersForOther(plane: Plane, iif: Interface, spa: Ipv4, tpa: Ipv4): boolean {
  if ((plane.sysctls.all.proxy_arp | iif.sysctl.proxy_arp) === 0 || iif.sysctl.forwarding === 0 || spa === tpa) return false;
  const route = plane.fib.lookup(tpa);
  return route !== -1 && plane.fib.type[route] === RouteType.Unicast && plane.fib.oif[route] !== iif.id;
}

/** Pods of an isolated bridge cannot hear each other: answer when the other pod is known, else when it has answered us. */
function answerForPod(plane: Plane, iif: Interface, b: Uint8Array, sha: number, spa: Ipv4, tpa: Ipv4): void {
  plane.neighbours.learn(iif.id, spa, b, sha, false, true, true);
  const entry = plane.neighbours.use(iif.id, tpa);
  if (entry === -1) return;
  const reply = plane.arena.take(FRAME_LEN);
  if (reply === null) return;
  writeReply(reply, iif, tpa, b, sha, spa);
  if (plane.neighbours.isValid(entry)) {
    sendForPod(plane, reply, entry);
    return;
  }
  const pushedOut = plane.neighbours.wait(entry, reply);
  if (pushedOut !== null) plane.spend(pushedOut);
}

/** An answer for the pod that neighbour `entry` is: as if it came from there. */
export function sendForPod(plane: Plane, reply: Packet, entry: number): void {
  const { macs } = plane.neighbours;
  ethernet.setSrc(reply.bytes, reply.l3 - ethernet.HEADER_LEN, macs, entry * 6);
  copy(macs, entry * 6, reply.bytes, arp.shaAt(reply.l3), 6);
  transmitFrame(plane, reply, plane.interface(reply.oif));
}

function sendReply(plane: Plane, iif: Interface, address: Ipv4, b: Uint8Array, toMac: number, to: Ipv4): void {
  const reply = plane.arena.take(FRAME_LEN);
  if (reply === null) return;
  writeReply(reply, iif, address, b, toMac, to);
  transmitFrame(plane, reply, iif);
}

function writeReply(reply: Packet, iif: Interface, address: Ipv4, b: Uint8Array, toMac: number, to: Ipv4): void {
  reply.l3 = reply.start + ethernet.HEADER_LEN;
  reply.oif = iif.id;
  ethernet.setDst(reply.bytes, reply.start, b, toMac);
  ethernet.setSrc(reply.bytes, reply.start, iif.mac);
  ethernet.setType(reply.bytes, reply.start, ethernet.EtherType.Arp);
  arp.write(reply.bytes, reply.l3, arp.Op.Reply, iif.mac, address, b, toMac, to);
}

/** Ask for `address` on `oif`: broadcast, or to the MAC that we think it has. `waiting` is the packet that wants to go there. */
export function solicit(plane: Plane, oif: Interface, address: Ipv4, mac: Uint8Array | null, macAt: number, waiting?: Packet): void {
  if (!oif.resolves) return;
  const ask = plane.arena.take(FRAME_LEN);
  if (ask === null) return;
  ask.l3 = ask.start + ethernet.HEADER_LEN;
  if (mac === null) ethernet.setDst(ask.bytes, ask.start, ethernet.BROADCAST);
  else ethernet.setDst(ask.bytes, ask.start, mac, macAt);
  ethernet.setSrc(ask.bytes, ask.start, oif.mac);
  ethernet.setType(ask.bytes, ask.start, ethernet.EtherType.Arp);
  const spa = sourceFor(plane, oif, address, waiting);
  arp.write(ask.bytes, ask.l3, arp.Op.Request, oif.mac, spa, mac ?? ZERO_MAC, mac === null ? 0 : macAt, address);
  transmitFrame(plane, ask, oif);
}

/**
 * arp_announce 0: the waiting packet's own source when it is an address of this node; otherwise the interface's towards the target, and of an
 * interface without addresses that of another one.
 */
function sourceFor(plane: Plane, oif: Interface, address: Ipv4, waiting?: Packet): Ipv4 {
  const announce = Math.max(plane.sysctls.all.arp_announce, oif.sysctl.arp_announce);
  if (announce < 2 && waiting && isIpv4(waiting)) {
    const src = ipv4.src(waiting.bytes, waiting.l3);
    const fits = announce === 0 || oif.onLink(src);
    if (fits && plane.fib.addressType(src) === RouteType.Local) return src;
  }
  return sourceAddress(plane, oif.id, address);
}

/**
 * What waits may also be an ARP answer that is held until the pod it speaks for has answered. Told by the packet's first byte (ARP's
 * hardware type 1 begins with 0): a packet that was made or encapsulated here has no Ethernet header yet while it waits.
 */
export const isIpv4 = (p: Packet): boolean => p.bytes[p.l3]! >>> 4 === 4;

export function transmitFrame(plane: Plane, p: Packet, oif: Interface): void {
  p.start = p.l3 - ethernet.HEADER_LEN;
  oif.dirty = true;
  if (!oif.device!.transmit(p)) plane.drops.count(DropReason.TxQueueFull);
  plane.spend(p);
}
