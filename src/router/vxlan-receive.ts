/**
 * Out of a tunnel (RFC 7348; `vxlan_rcv`, `drivers/net/vxlan/vxlan_core.c`): the frame inside a datagram comes in on the VXLAN device; of a datagram of
 * many pieces (`vxlan-train.ts`) the segments that they are of.
 */
import { DropReason } from '../base/drop-reason.ts';
import { Gso, type Packet, PacketType } from '../packet/packet.ts';
import { same, u16 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ecn from '../wire/ecn.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import { type Plane, Step } from './plane.ts';
import type { Vxlan } from './vxlan.ts';
import { putTogether, runEnd } from './vxlan-pieces.ts';

/** An outer packet that was accepted by INPUT: the frame inside comes in on the VXLAN device. */
export function decapsulate(plane: Plane, p: Packet, listener: Vxlan): Step {
  const b = p.bytes;
  const bad = udp.check(b, p.l4, p.end);
  if (bad !== DropReason.None) return plane.drop(p, bad);
  const end = p.l4 + udp.length(b, p.l4);
  if (udp.checksum(b, p.l4) !== 0 && p.csumStart === 0 && !p.csumValid) {
    const sum = checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), ipv4.Protocol.Udp, end - p.l4);
    if (!checksum.holds(sum, b, p.l4, end)) return plane.drop(p, DropReason.UdpCsum);
  }
  const header = p.l4 + udp.HEADER_LEN;
  if (p.gsoType !== Gso.None && end - header > p.gsoSize) {
    if (p.gsoType !== Gso.UdpL4) return plane.drop(p, DropReason.PktTooBig);
    return takeApart(plane, p, listener, header, end);
  }
  receiveUnfinished(plane);
  p.gsoType = Gso.None;
  // A kernel at the other end of a veth leaves the sum *inside* to the device (`skb->encapsulation`), and the device to us.
  if (p.csumStart < header) p.csumStart = 0;
  return strip(plane, p, listener, header, end);
}

/**
 * Segments, and pieces that are none, one after the other: each goes its way to the end where it stands, the last one as what `p` is from then on. Where it
 * may go on in the next datagram, it waits for that.
 */
function takeApart(plane: Plane, p: Packet, listener: Vxlan, header: number, end: number): Step {
  const { l3, l4, mark, id, slot, gsoSize, csumStart } = p;
  const { unfinished } = plane;
  for (let at = header; ; ) {
    const next = runEnd(p, at, end);
    if (next - at > gsoSize) putTogether(p, at, next);
    else asItStands(p, next);
    let step = strip(plane, p, listener, at, p.end);
    if (csumStart !== 0 && step === Step.Receive && unfinished.takes(p)) step = Step.Done;
    else receiveUnfinished(plane);
    if (next === end) {
      if (csumStart === 0 || step !== Step.Receive || plane.tracer !== null || !unfinished.mayBe(p)) return step;
      unfinished.packet = p;
      return Step.Kept;
    }
    // The bytes are needed for the others: whoever keeps this one must copy it.
    p.slot = -1;
    if (step !== Step.Done) plane.run(p, step);
    p.forget();
    p.slot = slot;
    p.l3 = l3;
    p.l4 = l4;
    p.mark = mark;
    p.id = id;
    p.gsoSize = gsoSize;
    p.csumStart = csumStart;
    at = next;
  }
}

/** What waited for more goes its way: before anything else comes out of a tunnel, and before the devices are flushed. */
export function receiveUnfinished(plane: Plane): void {
  const p = plane.unfinished.packet;
  if (p === null) return;
  plane.unfinished.packet = null;
  plane.run(p, Step.Receive);
}

/** A piece is a whole packet. */
function asItStands(p: Packet, end: number): void {
  p.end = end;
  p.gsoType = Gso.None;
  p.gsoSize = 0;
  p.hdrLen = 0;
  p.csumStart = 0;
}

/** Away with everything up to the inner frame. Its checksum may be partial, and it may be a segment to be cut. */
function strip(plane: Plane, p: Packet, listener: Vxlan, header: number, end: number): Step {
  const b = p.bytes;
  const wrong = vxlan.check(b, header, end);
  if (wrong !== DropReason.None) return plane.drop(p, wrong);
  const tunnel = deviceFor(plane, listener.port, vxlan.vni(b, header));
  if (tunnel === null) return plane.drop(p, DropReason.VxlanVniNotFound);

  const inner = header + vxlan.HEADER_LEN;
  if (ethernet.check(inner, end) !== DropReason.None) return plane.drop(p, DropReason.PktTooSmall);
  // A frame that came from this very device was looped back by the network.
  if (same(b, ethernet.srcAt(inner), tunnel.mac, 0, 6)) return plane.drop(p, DropReason.TunnelLoop);
  const from = ipv4.src(b, p.l3);
  if (!tunnel.fdb.heard(b, ethernet.srcAt(inner), from, plane.clock.nowMs())) return plane.drop(p, DropReason.VxlanEntryExists);
  if (u16(b, inner + 12) !== ethernet.EtherType.Ipv4) return plane.drop(p, DropReason.UnhandledProto);
  const outerTos = ipv4.tos(b, p.l3);
  const { mark, id } = p;
  p.forget();
  p.mark = mark;
  p.id = id;
  p.csumValid = false;
  p.iif = tunnel.id;
  p.floor = header;
  p.start = inner;
  p.l3 = inner + ethernet.HEADER_LEN;
  p.end = end;
  if (!same(b, ethernet.dstAt(inner), tunnel.mac, 0, 6)) p.type = ethernet.isGroup(b, inner) ? PacketType.Multicast : PacketType.OtherHost;
  if ((outerTos & 3) !== ecn.Ecn.NotEct && ipv4.check(b, p.l3, end) === DropReason.None) {
    const was = ipv4.tos(b, p.l3);
    const tos = ecn.inside(outerTos, was);
    if (tos < 0) return plane.drop(p, DropReason.IpTunnelEcn);
    if (tos !== was) ipv4.setTos(b, p.l3, tos);
  }
  if (plane.tracer !== null) plane.tracer.arrive(p);
  return Step.Receive;
}

function deviceFor(plane: Plane, port: number, vni: number): Vxlan | null {
  for (let i = 0; i < plane.vxlanPorts.length; i++) {
    const each = plane.vxlanPorts[i]!;
    if (each.port === port && each.vni === vni) return each;
  }
  return null;
}
