/**
 * Packets that leave by the link that they came in on, so that the router tells their sender of a shorter way (ICMP redirects). How often
 * it tells one sender is a matter of time, so that each sender is heard once in a case, and seldom in others.
 */
import type { Step } from '../case.ts';
import { address, hosts, links, MANY, oneOfMany } from '../topology.ts';
import type { Chooser } from './choose.ts';
import { ports } from './matches.ts';
import { randomTraffic } from './traffic.ts';

/** Few, so that a host is seldom heard again within the seconds in which it counts. */
const SENDERS = 6;

/** @param number of the case: its senders are seldom those of another one within the seconds that count */
export function redirectedTraffic(c: Chooser, length: number, number: number): Step[] {
  const steps = randomTraffic(c, length - 2 * SENDERS);
  const first = SENDERS * ((Math.imul(number, 0x9e37_79b1) >>> 0) % Math.floor((MANY - 2) / SENDERS));
  const packets = Array.from({ length: SENDERS }, (_, i): Step => {
    const src = oneOfMany(1 + first + i);
    const dst = c.oneIn(3) ? '198.51.100.7' : address(c.oneIn(5) ? c.of(links).net : 3, c.of(hosts));
    const protocol = c.of(['tcp', 'udp', 'icmp'] as const);
    return { kind: 'send', link: 'c', packet: { protocol, src, dst, sport: c.of([1000, 40000]), dport: c.of(ports) } };
  });
  // Nobody hears of a first packet: NAT has not decided about the connection yet, and what it may
  // change is not told (`nf_nat_icmp_reply_translation`).
  if (!c.oneIn(4)) steps.push(...packets);
  steps.push({ kind: 'sysctl', name: `net.ipv4.conf.${c.of(['all', 'c'])}.send_redirects`, value: 1 }, ...packets);
  return steps;
}
