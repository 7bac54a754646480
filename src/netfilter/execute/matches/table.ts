/** Every match that can be executed. The order gives the op-codes: all programs of a process come from one table, so it may change. */
import type { Match } from '../../ruleset.ts';
import type { Test } from '../execution.ts';
import type { MatchExtension } from '../extension.ts';
import { FIRST_ACTION } from '../program.ts';
import { addrtype } from './addrtype.ts';
import { comment } from './comment.ts';
import { conntrack, state } from './conntrack.ts';
import { hashlimit } from './hashlimit.ts';
import * as header from './header.ts';
import { icmp } from './icmp.ts';
import { dscp, iprange, length, pkttype, tos, ttl } from './ip-fields.ts';
import { limit } from './limit.ts';
import { mac } from './mac.ts';
import { mark } from './mark.ts';
import { multiport } from './multiport.ts';
import { nfacct } from './nfacct.ts';
import { owner } from './owner.ts';
import { physdev } from './physdev.ts';
import { recent } from './recent.ts';
import { rpfilter } from './rpfilter.ts';
import { sctp } from './sctp.ts';
import { set } from './set.ts';
import { statistic } from './statistic.ts';
import { tcp } from './tcp.ts';
import { tcpmss } from './tcpmss.ts';
import { udp } from './udp.ts';

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

/** By op-code. */
export const tests: readonly Test[] = [
  ...new Set([...header.tests, ...Object.values(matchExtensions).flatMap((e): readonly Test[] => e.tests)]),
];
export const testOps: ReadonlyMap<Test, number> = new Map(tests.map((test, op) => [test, op]));
if (tests.length > FIRST_ACTION) throw new RangeError(`${tests.length} tests do not fit into ${FIRST_ACTION} op-codes`);
