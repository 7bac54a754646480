/** Every match that can be executed. The order gives the op-codes: all programs of a process come from one table, so it may change. */
import type { Packet } from '../../../packet/packet.ts';
import type { Match } from '../../ruleset.ts';
import type { Execution, Test } from '../execution.ts';
import type { MatchExtension } from '../extension.ts';
import { FIRST_ACTION } from '../program.ts';
import { addrtype } from './addrtype.ts';
import { comment } from './comment.ts';
import { conntrack, ctState, state } from './conntrack.ts';
import { hashlimit } from './hashlimit.ts';
import * as header from './header.ts';
import { icmp } from './icmp.ts';
import { dscp, iprange, length, pkttype, tos, ttl } from './ip-fields.ts';
import { limit } from './limit.ts';
import { mac } from './mac.ts';
import { mark, markTest } from './mark.ts';
import { multiport } from './multiport.ts';
import { nfacct } from './nfacct.ts';
import { owner } from './owner.ts';
import { physdev } from './physdev.ts';
import { recent } from './recent.ts';
import { rpfilter } from './rpfilter.ts';
import { sctp } from './sctp.ts';
import { set } from './set.ts';
import { statistic } from './statistic.ts';
import { tcp, tcpDstPort } from './tcp.ts';
import { tcpmss } from './tcpmss.ts';
import { udp, udpDstPort, udpWhole } from './udp.ts';

export const matchExtensions = {
  addrtype,
  comment,
  connmark: mark,
  conntrack,
  dscp,
  hashlimit,
  icmp,
  iprange,
  length,
  limit,
  mac,
  mark,
  multiport,
  nfacct,
  owner,
  physdev,
  pkttype,
  recent,
  rpfilter,
  sctp,
  set,
  state,
  statistic,
  tcp,
  tcpmss,
  tos,
  ttl,
  udp,
} as const;

/** By kind; undefined for what is read and printed but not executed. */
export const matchExtension = (m: Match): MatchExtension<Match> | undefined =>
  (matchExtensions as Partial<Record<Match['kind'], MatchExtension<never>>>)[m.kind] as MatchExtension<Match> | undefined;

/** The tests that nearly all rules are made of. `passes` calls them by name. */
const common: readonly Test[] = [
  ...[header.protocol, header.destinationIs, header.sourceIs, header.source, header.destination],
  ...[ctState, markTest, udpDstPort, tcpDstPort, udpWhole],
];

/** By op-code. */
export const tests: readonly Test[] = [
  ...new Set([...common, ...header.tests, ...Object.values(matchExtensions).flatMap((e): readonly Test[] => e.tests)]),
];
export const testOps: ReadonlyMap<Test, number> = new Map(tests.map((test, op) => [test, op]));
if (tests.length > FIRST_ACTION) throw new RangeError(`${tests.length} tests do not fit into ${FIRST_ACTION} op-codes`);

/**
 * Does the packet pass the test with this op-code? As `tests[op]`; but a call through the table is a call of whatever stands there, which V8 does not put
 * into the walk's loop. The numbers are the places in `common`.
 */
export function passes(op: number, x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  switch (op) {
    case 0:
      return header.protocol(x, p, code, at);
    case 1:
      return header.destinationIs(x, p, code, at);
    case 2:
      return header.sourceIs(x, p, code, at);
    case 3:
      return header.source(x, p, code, at);
    case 4:
      return header.destination(x, p, code, at);
    case 5:
      return ctState(x, p, code, at);
    case 6:
      return markTest(x, p, code, at);
    case 7:
      return udpDstPort(x, p, code, at);
    case 8:
      return tcpDstPort(x, p, code, at);
    case 9:
      return udpWhole(x);
    default:
      return tests[op]!(x, p, code, at);
  }
}
