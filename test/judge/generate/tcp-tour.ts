/** A connection led to a state of the table on the shortest way, and then one segment of some kind from one of its ends. */
import type { Step } from '../case.ts';
import type { PacketSpec } from '../packet-spec.ts';
import { address, hosts, links } from '../topology.ts';
import type { Chooser } from './choose.ts';

/** Client and server, by what they send. */
type Move = readonly [who: 'c' | 's', flags: string];

const established: readonly Move[] = [
  ['c', 'S'],
  ['s', 'SA'],
  ['c', 'A'],
];
const closeWait: readonly Move[] = [...established, ['c', 'FA'], ['s', 'A']];
/** More of those that other traffic seldom comes to. */
const ways: readonly (readonly [weight: number, way: readonly Move[]])[] = [
  [1, []], // NONE
  [3, [['c', 'S']]], // SYN_SENT
  [
    3,
    [
      ['c', 'S'],
      ['s', 'S'],
    ],
  ], // SYN_SENT2
  [
    3,
    [
      ['c', 'S'],
      ['s', 'SA'],
    ],
  ], // SYN_RECV
  [3, established],
  [3, [...established, ['c', 'FA']]], // FIN_WAIT
  [3, closeWait],
  [3, [...closeWait, ['s', 'FA']]], // LAST_ACK
  [3, [...closeWait, ['s', 'FA'], ['c', 'A']]], // TIME_WAIT
  [1, [...established, ['c', 'R']]], // CLOSE
  [1, [...established, ['s', 'R']]],
];
const lasts = ['S', 'S', 'SA', 'SA', 'FA', 'FA', 'A', 'PA', 'R', 'RA'] as const;
/** Beside what the other end waits for. */
const offsets = [0, 0, 0, 0, -1, 1, 1000, -1000, 100_000] as const;

export function tcpTour(c: Chooser): Step[] {
  const steps: Step[] = [];
  const link = c.of(links);
  const ends = {
    src: address(link.net, c.of(hosts)),
    dst: c.oneIn(12) ? '198.51.100.7' : address(c.of(links).net, c.of(hosts)),
    sport: 10_000 + c.below(50_000),
    dport: c.of([80, 443, 8080, 30080]),
  };
  const next = { c: c.u32(), s: c.u32() };
  const move = (who: 'c' | 's', flags: string, offset: number, more: Partial<PacketSpec>): Step => {
    const seq = (next[who] + offset) >>> 0;
    const ack = flags.includes('A') ? { ack: next[who === 'c' ? 's' : 'c'] >>> 0 } : {};
    if (/[SF]/.test(flags)) next[who]++;
    const packet = { flags, seq, ...ack, ...more };
    return who === 'c'
      ? { kind: 'send', link: link.name, packet: { protocol: 'tcp', ...ends, ...packet } }
      : { kind: 'answer', to: 0, packet };
  };
  for (const [who, flags] of c.weighted(ways)) steps.push(move(who, flags, 0, {}));
  // Without a first segment there is nothing to answer.
  const first = steps.length === 0 ? 'c' : c.of(['c', 's'] as const);
  steps.push(move(first, c.of(lasts), c.of(offsets), c.oneIn(8) ? { length: 10 } : {}));
  if (c.oneIn(2)) steps.push(move(c.of(['c', 's'] as const), c.of(lasts), 0, {}));
  return steps;
}
