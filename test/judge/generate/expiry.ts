/** Short timeouts, and in the middle of the packets a while in which nothing comes: connections and fragments expire. */
import type { Step } from '../case.ts';
import { address, type Link, type LinkName, links, routerAddress } from '../topology.ts';
import type { Chooser } from './choose.ts';
import { expirySwitches } from './sysctls.ts';
import { type Flow, goOn } from './traffic.ts';

/** Long enough that nothing expires while packets are played, short enough that waiting takes little of a run. */
export const SHORT_S = 2;
const WAIT_S = 2.4;
/** Between two timers, that nobody doubts which of them goes off first. */
const APART_S = 0.5;

export function expiringTraffic(c: Chooser, length: number): Step[] {
  const short = [...expirySwitches.filter(() => !c.oneIn(4)), 'net.ipv4.ipfrag_time'];
  const steps = short.map((name): Step => ({ kind: 'sysctl', name, value: SHORT_S }));
  const flows: Flow[] = [];
  goOn(c, steps, flows, length >> 1);
  for (const seconds of [APART_S, APART_S, WAIT_S]) {
    steps.push(...unfinished(c, c.of(links), steps.length));
    steps.push({ kind: 'wait', seconds });
  }
  goOn(c, steps, flows, length);
  return steps;
}

/** A datagram to the router of which one piece never comes: when time is up, its sender is told. */
function unfinished(c: Chooser, link: Link, set: number): Step[] {
  const packet = { protocol: 'udp', src: address(link.net, 3), dst: routerAddress(link), sport: 1000, dport: 53, length: 1200 } as const;
  const pieces = c.of([[0], [0, 400], [400, 0], [0, 800], [400, 800]]);
  return pieces.map(
    (offset): Step => ({ kind: 'send', link: link.name as LinkName, packet: { ...packet, fragment: { offset, length: 400, set } } }),
  );
}
