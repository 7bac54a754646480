/**
 * VXLAN, above all as flannel programs it (RFC 7348; `vxlan_xmit_one` and `vxlan_rcv`, `drivers/net/vxlan/vxlan_core.c`): a
 * neighbour entry gives the peer's VTEP MAC, the forwarding database the node behind that MAC. The mark stays on the packet through
 * encapsulation, as an sk_buff keeps it: rules that mark must also clear, or the outer packet is masqueraded too.
 */
import type { Ipv4 } from '../base/address.ts';
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import { finishChecksum } from '../packet/partial-checksum.ts';
import { copy, i32 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ecn from '../wire/ecn.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import { copyOut, copyToArena } from './copy-out.ts';
import { type Plane, Step } from './plane.ts';
import { segment } from './segment.ts';
import { VxlanFdb } from './vxlan-fdb.ts';
import { goesAsTrain } from './vxlan-train.ts';

const OUTER = ipv4.HEADER_LEN + udp.HEADER_LEN + vxlan.HEADER_LEN;
/** `net.ipv4.ip_local_port_range`: where the outer source port comes from (`udp_flow_src_port`). */
const PORT_MIN = 32_768;
const PORT_MAX = 60_999;

export class Vxlan {
  /** Interface id of the device. */
  readonly id: number;
  readonly vni: number;
  readonly port: number;
  readonly local: Ipv4;
  readonly mac: Uint8Array;
  /** UDP checksum on the outer packet. RFC 7348 wants 0; Linux computes it unless the device was made with `noudpcsum`. */
  readonly udpChecksum: boolean;
  readonly fdb: VxlanFdb;

  constructor(
    id: number,
    o: { vni: number; port: number; local: Ipv4; mac: Uint8Array; udpChecksum: boolean; learning: boolean; remotes: readonly Ipv4[] },
  ) {
    this.id = id;
    this.vni = o.vni;
    this.port = o.port;
    this.local = o.local;
    this.mac = o.mac;
    this.udpChecksum = o.udpChecksum;
    this.fdb = new VxlanFdb(o);
  }
}

/** Wrap `p` for the peer of neighbour `entry`; it goes on as a packet of this node. */
export function encapsulate(plane: Plane, p: Packet, entry: number): Step {
  const tunnel = plane.vxlan[p.oif]!;
  if (p.gsoType !== Gso.None) return encapsulateSegments(plane, p, entry, tunnel);
  sendTrain(plane);
  if (p.l3 - ethernet.HEADER_LEN - OUTER - ethernet.HEADER_LEN < p.floor) return copyOut(plane, p, Step.Resume);
  if (p.csumStart !== 0) finishChecksum(p);
  const node = writeInner(plane, p, entry, tunnel);
  if (node !== 0) return wrap(plane, p, tunnel, node);
  const { remotes } = tunnel.fdb;
  if (remotes.length === 0) return plane.drop(p, DropReason.VxlanNoPeer);
  for (let i = 1; i < remotes.length; i++) {
    const copied = copyToArena(plane, p);
    if (copied === null) break;
    plane.later(copied, wrap(plane, copied, tunnel, remotes[i]!));
  }
  return wrap(plane, p, tunnel, remotes[0]!);
}

/** The outer headers around the frame at `p.start`. */
function wrap(plane: Plane, p: Packet, tunnel: Vxlan, node: Ipv4): Step {
  const b = p.bytes;
  const inner = p.start;
  const tos = ipv4.tos(b, p.l3);
  const port = sourcePort(plane, p);
  const l3 = inner - OUTER;
  vxlan.write(b, inner - vxlan.HEADER_LEN, tunnel.vni);
  const { mark, id } = p;
  const socketless = !p.local || p.socketless;
  p.forget();
  p.mark = mark;
  p.id = id;
  p.socketless = socketless;
  p.start = l3;
  p.l3 = l3;
  p.l4 = l3 + ipv4.HEADER_LEN;
  writeOuter(plane, p, tunnel, node, tos, port);
  return Step.Output;
}

/** The Ethernet header inside, in front of `p.l3`. @returns the node that the frame goes to, 0 when nobody is behind the MAC */
function writeInner(plane: Plane, p: Packet, entry: number, tunnel: Vxlan): number {
  const b = p.bytes;
  const inner = p.l3 - ethernet.HEADER_LEN;
  const macs = plane.neighbours.macs;
  copy(macs, entry * 6, b, ethernet.dstAt(inner), 6);
  ethernet.setSrc(b, inner, tunnel.mac);
  ethernet.setType(b, inner, ethernet.EtherType.Ipv4);
  p.start = inner;
  if (plane.tracer !== null) plane.tracer.depart(p);
  return tunnel.fdb.nodeOf(macs, entry * 6, plane.clock.nowMs());
}

/** IPv4 and UDP at `p.l3`. */
function writeOuter(plane: Plane, p: Packet, tunnel: Vxlan, node: number, tos: number, port: number): void {
  const b = p.bytes;
  const { l3, l4 } = p;
  udp.setSrcPort(b, l4, port);
  udp.setDstPort(b, l4, tunnel.port);
  udp.setLength(b, l4, p.end - l4);
  // Outer TTL 64 and no DF, whatever the inner packet says; of its TOS only the ECN bits go outside (RFC 6040).
  const ttl = plane.sysctls.node.ip_default_ttl;
  ipv4.write(b, l3, ecn.outside(tos), p.end - l3, plane.nextIpId(), 0, ttl, ipv4.Protocol.Udp, tunnel.local, node);
  const pseudo = checksum.pseudoHeader(tunnel.local, node, ipv4.Protocol.Udp, p.end - l4);
  udp.setChecksum(b, l4, p.csumStart === 0 ? 0 : checksum.fold(pseudo));
  if (tunnel.udpChecksum && p.csumStart === 0) udp.setChecksum(b, l4, checksum.finish(checksum.add(pseudo, b, l4, p.end)) || 0xffff);
}

/** A segment that is still to be cut: in datagrams of many pieces where the way leads through a device that takes such, else piece by piece. */
function encapsulateSegments(plane: Plane, p: Packet, entry: number, tunnel: Vxlan): Step {
  const node = tunnel.fdb.nodeOf(plane.neighbours.macs, entry * 6, plane.clock.nowMs());
  if (!goesAsTrain(plane, p, node)) return segment(plane, p);
  if (p.l3 - ethernet.HEADER_LEN < p.floor) return copyOut(plane, p, Step.Resume);
  writeInner(plane, p, entry, tunnel);
  const tos = ipv4.tos(p.bytes, p.l3);
  const port = sourcePort(plane, p);
  const payload = p.end - p.l4 - tcp.headerLength(p.bytes, p.l4);
  const { train } = plane;
  for (let at = 0; at < payload; ) {
    if (!train.takes(p, tunnel, node, port, tos)) {
      sendTrain(plane);
      if (!train.open(plane, p, tunnel, node, port, tos)) return plane.drop(p, DropReason.NoMemory);
    }
    at += train.add(p, at, tunnel.vni);
    if (train.full) sendTrain(plane);
  }
  // Who looks on sees each packet for itself.
  if (plane.tracer !== null) sendTrain(plane);
  return Step.Done;
}

/** What waits for more pieces goes now: before something else takes the same way, and before the devices are flushed. */
export function sendTrain(plane: Plane): void {
  const { train } = plane;
  if (train.packet === null) return;
  const s = train.close();
  writeOuter(plane, s, train.tunnel!, train.node, train.tos, train.port);
  plane.run(s, Step.Output);
}

/** Both directions of a flow need not agree, but one flow keeps one port: RSS and ECMP then keep its order. */
function sourcePort(plane: Plane, p: Packet): number {
  const b = p.bytes;
  let h = Math.imul(i32(b, p.l3 + 12) ^ plane.hashSeed, 0x9e3779b1);
  h = Math.imul((h ^ (h >>> 15)) + i32(b, p.l3 + 16), 0x85ebca6b);
  h ^= ipv4.protocol(b, p.l3);
  const protocol = ipv4.protocol(b, p.l3);
  const hasPorts = (protocol === ipv4.Protocol.Tcp || protocol === ipv4.Protocol.Udp) && !ipv4.isFragment(b, p.l3) && p.end - p.l4 >= 4;
  if (hasPorts) h = Math.imul(h ^ (h >>> 13) ^ i32(b, p.l4), 0xc2b2ae35);
  h ^= h >>> 16;
  return PORT_MIN + Math.floor(((h >>> 0) * (PORT_MAX - PORT_MIN)) / 0x1_0000_0000);
}
