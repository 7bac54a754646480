/**
 * Traits of a real bridge that pods meet, for a tap that stands for the bridge (`cni0`): with `bridge-nf-call-iptables` all that pods
 * send to each other comes here, where it is forwarded as the bridge would: through PREROUTING, FORWARD and POSTROUTING, but with its TTL
 * and its sender's MAC kept, and never back to the port it came from unless that port is in hairpin mode (`br_nf_pre_routing_finish`,
 * `should_deliver`). What PREROUTING has given another destination goes to the MAC of that, all else to the one that it bears; what was
 * sent to the bridge's own MAC and kept its destination is the node's to route. Without it the bridge keeps pod-to-pod frames to itself.
 *
 * That MAC is looked for before FORWARD (`br_nf_pre_routing_finish_bridge`): where nobody has it, no rule of FORWARD or POSTROUTING sees the
 * packet, and its connection is never confirmed. What is routed has passed them when it waits.
 */
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import { Hook } from '../packet/verdict.ts';
import { same } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { copyToArena, waitFor } from './copy-out.ts';
import { RouteType } from './fib.ts';
import { type Plane, Step } from './plane.ts';

export interface BridgePort {
  /** `bridge-nf-call-iptables` for this bridge: pods' frames to each other come through the rules. */
  nfCall: boolean;
  /** Hairpin mode of every port, or of those behind which these MACs are. */
  hairpin: boolean | readonly Uint8Array[];
}

/** Do frames that come in on `iif` go through the rules at layer 2, before the bridge decides where they go? */
export const callsRules = (plane: Plane, iif: number): boolean =>
  plane.bridge[iif]?.nfCall === true && plane.sysctls.node.bridge_nf_call_iptables !== 0;

/** Does the bridge's tap show frames of one pod for another? */
export const isBetweenPorts = (plane: Plane, p: Packet): boolean => p.type === PacketType.OtherHost && plane.bridge[p.iif]?.nfCall === true;

/** A frame for another port of the bridge goes there as it is. @returns the rest of its way */
export function betweenPorts(plane: Plane, p: Packet): Step {
  if (bearsOneMac(p) && !hairpins(plane.bridge[p.iif]!, p)) return plane.drop(p, DropReason.BridgeHairpin);
  p.oif = p.iif;
  p.physIn = p.iif;
  p.physOut = p.iif;
  p.macStands = true;
  return callsRules(plane, p.iif) ? Step.Bridge : Step.Resume;
}

/**
 * Is a packet that PREROUTING has given another destination for a neighbour on the bridge? Then the bridge's own interface never sees it:
 * with the rules called at layer 2, `cni0` shows what goes up to the node, after PREROUTING, and nothing of what pods say to each other.
 */
export function leadsBack(plane: Plane, p: Packet): boolean {
  const route = plane.fib.lookup(ipv4.dst(p.bytes, p.l3), p.mark);
  return route !== -1 && plane.fib.type[route] === RouteType.Unicast && plane.fib.oif[route] === p.iif && plane.fib.via[route] === 0;
}

/** A frame that may not leave ends here, before FORWARD (`should_deliver` stands in front of `br_forward_finish`): no rule sees it. */
export function bridge(plane: Plane, p: Packet): Step {
  if (!p.macStands) {
    const port = plane.bridge[p.iif]!;
    if (goesToItsSender(p) && !hairpins(port, p)) return plane.drop(p, DropReason.BridgeHairpin);
    const entry = plane.neighbours.use(p.oif, p.nextHop);
    if (entry === -1) return plane.drop(p, DropReason.NeighQueuefull);
    if (!plane.neighbours.isValid(entry)) return waitInBridge(plane, p, entry);
    if (turnsBack(port, p, plane.neighbours.macs, entry * 6)) return plane.drop(p, DropReason.BridgeHairpin);
  }
  p.physIn = p.iif;
  p.physOut = p.oif;
  if (!plane.passes(Hook.Forward, p)) return Step.Done;
  return Step.Egress;
}

/** It keeps its connection, which is not confirmed yet where it is the first packet. */
function waitInBridge(plane: Plane, p: Packet, entry: number): Step {
  const kept = p.slot >= 0 ? p : copyToArena(plane, p);
  if (kept === null) return plane.drop(p, DropReason.NoMemory);
  kept.bridgedDnat = true;
  plane.hooks.hold(kept);
  waitFor(plane, kept, entry);
  return kept === p ? Step.Kept : Step.Done;
}

const bearsOneMac = (p: Packet): boolean => {
  const at = p.l3 - ethernet.HEADER_LEN;
  return same(p.bytes, ethernet.srcAt(at), p.bytes, at, 6);
};

/** DNAT has chosen the pod that asks. Known before the MAC of the next hop is. */
const goesToItsSender = (p: Packet): boolean => ipv4.src(p.bytes, p.l3) === ipv4.dst(p.bytes, p.l3);

/**
 * Would the bridge have to send the frame out of the port that it came from, with hairpin mode off there? Asked when the MAC is known,
 * which finds another address behind the same port.
 */
const turnsBack = (port: BridgePort, p: Packet, mac: Uint8Array, macAt: number): boolean =>
  same(p.bytes, ethernet.srcAt(p.l3 - ethernet.HEADER_LEN), mac, macAt, 6) && !hairpins(port, p);

/** Every bridge of the node: ports behind which these MACs are, and no others. */
export function setHairpin(plane: Plane, macs: readonly Uint8Array[]): void {
  for (const port of plane.bridge) if (port) port.hairpin = macs;
}

/** Is the port by which the frame came in hairpin mode? */
function hairpins(port: BridgePort, p: Packet): boolean {
  if (typeof port.hairpin === 'boolean') return port.hairpin;
  const from = ethernet.srcAt(p.l3 - ethernet.HEADER_LEN);
  for (let i = 0; i < port.hairpin.length; i++) if (same(p.bytes, from, port.hairpin[i]!, 0, 6)) return true;
  return false;
}
