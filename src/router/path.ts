/**
 * The path of a packet: which stage follows which. This is the only file that knows all stages; a stage says where the packet goes
 * next and never calls another, so that a packet of any nesting (a reply through VXLAN out of a loop-back) runs on a flat stack.
 * Only an answer that the node makes while a packet is under way (an ICMP error, a reset) runs inside it, as in the kernel.
 */
import { DropReason } from '../base/drop-reason.ts';
import { type Packet, PacketType } from '../packet/packet.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as arp from './arp.ts';
import { bridge, callsRules, isBetweenPorts } from './bridge.ts';
import { endWait } from './copy-out.ts';
import { deliver } from './deliver.ts';
import { egress, sendOut, sendTo } from './egress.ts';
import { forward } from './forward.ts';
import { sendError } from './icmp-error.ts';
import { type Interface, Link } from './interface.ts';
import { localOut, output } from './output.ts';
import { type Plane, Step } from './plane.ts';
import { receive } from './receive.ts';
import { sendTrain } from './vxlan.ts';
import { Unfinished } from './vxlan-pieces.ts';
import { receiveUnfinished } from './vxlan-receive.ts';
import { Train } from './vxlan-train.ts';

/** Packets that one packet may cause (an error about an error about a fragment ...), before the node looks at its devices again. */
const MOST_CAUSED = 4096;

/** Gives a plane its path: once, when the node is built. */
export function attachPath(plane: Plane): void {
  plane.run = (p, step) => follow(plane, p, step);
  plane.train = new Train();
  plane.unfinished = new Unfinished();
  plane.finish = () => {
    // What came out of a tunnel may go into another one.
    while (plane.unfinished.packet !== null || plane.train.packet !== null) {
      receiveUnfinished(plane);
      runWaiting(plane);
      sendTrain(plane);
      runWaiting(plane);
    }
  };
}

/** A frame from the device of `iif`; its bytes are borrowed until the plane is flushed. */
export function frameIn(plane: Plane, p: Packet, iif: Interface): void {
  p.iif = iif.id;
  if (ethernet.check(p.start, p.end) !== DropReason.None) {
    plane.drop(p, DropReason.PktTooSmall);
    return;
  }
  p.l3 = p.start + ethernet.HEADER_LEN;
  const type = ethernet.type(p.bytes, p.start);
  // A bridge whose frames go through the rules shows them behind PREROUTING (`receive.ts`), and those for another port never.
  const later = type === ethernet.EtherType.Ipv4 && (callsRules(plane, p.iif) || isBetweenPorts(plane, p));
  if (plane.tracer !== null && !later) plane.tracer.arrive(p);
  if (type === ethernet.EtherType.Ipv4) run(plane, p, Step.Receive);
  else if (type === ethernet.EtherType.Arp) arp.arrive(plane, p);
  else plane.drop(p, DropReason.UnhandledProto);
}

/** A packet that a process on this node sent: it stands at `p.start` without a link header. */
export function socketIn(plane: Plane, p: Packet): void {
  p.l3 = p.start;
  p.l4 = p.start + ((p.bytes[p.start]! & 15) << 2);
  p.type = PacketType.Host;
  if (p.end - p.start < 20 || p.bytes[p.start]! >> 4 !== 4 || p.l4 > p.end) {
    plane.drop(p, DropReason.UnhandledProto);
    return;
  }
  run(plane, p, Step.Output);
}

/** Runs `p` from `step` to its end, then what it caused. */
export function run(plane: Plane, p: Packet, step: Step): void {
  follow(plane, p, step);
  runWaiting(plane);
}

/** What packets or timers have caused: errors, answers, copies. */
export function runWaiting(plane: Plane): void {
  for (let i = 0; plane.waiting > 0 && i < MOST_CAUSED; i++) {
    const nextStep = plane.takeWaitingStep();
    const next = plane.takeWaiting();
    // What waited in the loopback has held its connection (`egress.ts`).
    const held = nextStep === Step.Receive && next.iif === plane.lo.id ? next.ct : -1;
    follow(plane, next, nextStep);
    if (held >= 0) plane.hooks.letGo(held);
  }
}

/** A neighbour answered: what waited for it goes on. An ARP answer that was held for it is sent in its name. */
export function resume(plane: Plane, p: Packet, entry: number): void {
  if (!arp.isIpv4(p)) {
    arp.sendForPod(plane, p, entry);
    return;
  }
  forgetWays(plane);
  if (p.bridgedDnat) {
    endWait(plane, p);
    run(plane, p, Step.Bridge);
  } else if (sendTo(plane, p, entry) === Step.Output) run(plane, p, Step.Output);
  else plane.spend(p);
}

/** A neighbour did not answer: the sender is told (`arp_error_report`). */
export function giveUp(plane: Plane, p: Packet): void {
  if (arp.isIpv4(p)) {
    sendError(plane, p, icmp.Type.DestUnreachable, icmp.Unreachable.Host, 0);
    endWait(plane, p);
    plane.drop(p, DropReason.NeighFailed);
    forgetWays(plane);
  }
  plane.spend(p);
}

/** A next hop has failed, or has answered: with `fib_multipath_use_neigh` flows may now take another way. */
function forgetWays(plane: Plane): void {
  if (plane.fib.multipath && plane.sysctls.node.fib_multipath_use_neigh !== 0) plane.generation++;
}

function follow(plane: Plane, p: Packet, from: Step): void {
  let step = from;
  for (;;) {
    switch (step) {
      case Step.Done:
        plane.spend(p);
        return;
      case Step.Kept:
        return;
      case Step.Receive:
        step = receive(plane, p);
        break;
      case Step.Forward:
        step = forward(plane, p);
        break;
      case Step.Bridge:
        step = bridge(plane, p);
        break;
      case Step.Deliver:
        step = deliver(plane, p);
        break;
      case Step.Output:
        step = output(plane, p);
        break;
      case Step.LocalOut:
        step = localOut(plane, p);
        break;
      case Step.Egress:
        step = egress(plane, p);
        break;
      case Step.Resume:
        step = sendOut(plane, p);
        break;
    }
  }
}

/** Is this an interface whose frames the router reads itself? */
export const hasFrames = (i: Interface): boolean => i.link === Link.Ethernet || i.link === Link.Bridge;
