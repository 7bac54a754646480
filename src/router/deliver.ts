/**
 * A packet for this node: `ip_local_deliver` (`net/ipv4/ip_input.c`). A VXLAN device takes what comes to its port, an IPIP
 * tunnel what is of protocol 4; the rest goes to the
 * node's own sockets through the TUN, or, on a router without one, is answered as a host answers on which nothing listens.
 */
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import { Hook, Verdict } from '../packet/verdict.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import { DefragUser } from './fragments.ts';
import { answer } from './host.ts';
import { finishOptions } from './ip-options.ts';
import { decapsulateIpip, hearIpipError } from './ipip.ts';
import { type Plane, Step } from './plane.ts';
import type { Vxlan } from './vxlan.ts';
import { decapsulate } from './vxlan-receive.ts';

export function deliver(plane: Plane, p: Packet): Step {
  // Without conntrack nobody has put fragments together yet (`ip_local_deliver`).
  const whole = plane.reassembly.receive(p, DefragUser.LocalDeliver);
  if (whole === Verdict.Drop) return plane.drop(p, p.reason);
  if (whole === Verdict.Stolen || !plane.passes(Hook.Input, p)) return Step.Done;

  if (plane.ipip.length > 0) {
    const protocol = ipv4.protocol(p.bytes, p.l3);
    if (protocol === ipv4.Protocol.Ipip) return decapsulateIpip(plane, p);
    if (protocol === ipv4.Protocol.Icmp) hearIpipError(plane, p);
  }
  const tunnel = vxlanFor(plane, p);
  if (tunnel !== null) return decapsulate(plane, p, tunnel);
  if (plane.sockets === null) return answer(plane, p);
  p.start = p.l3;
  // The kernel behind the TUN checks the header once more.
  finishOptions(p);
  if (!plane.sockets.transmit(p)) return plane.drop(p, DropReason.TxQueueFull);
  return Step.Done;
}

function vxlanFor(plane: Plane, p: Packet): Vxlan | null {
  if (plane.vxlanPorts.length === 0 || p.type !== PacketType.Host || ipv4.protocol(p.bytes, p.l3) !== ipv4.Protocol.Udp) return null;
  if (ipv4.isFragment(p.bytes, p.l3) || p.end - p.l4 < udp.HEADER_LEN) return null;
  const port = udp.dstPort(p.bytes, p.l4);
  for (let i = 0; i < plane.vxlanPorts.length; i++) if (plane.vxlanPorts[i]!.port === port) return plane.vxlanPorts[i]!;
  return null;
}
