/** Every match by name. A new one is a new file and one word here. */
import type { Match } from '../ruleset.ts';
import type { MatchExtension } from '../text/extension.ts';
import { addrtype } from './addrtype.ts';
import { comment } from './comment.ts';
import { conntrack } from './conntrack.ts';
import { dscp } from './dscp.ts';
import { extraMatches } from './extra.ts';
import { hashlimit } from './hashlimit.ts';
import { icmp } from './icmp.ts';
import { iprange } from './iprange.ts';
import { length } from './length.ts';
import { limit } from './limit.ts';
import { mac } from './mac.ts';
import { connmark, mark } from './mark.ts';
import { multiport } from './multiport.ts';
import { nfacct } from './nfacct.ts';
import { owner } from './owner.ts';
import { physdev } from './physdev.ts';
import { pkttype } from './pkttype.ts';
import { recent } from './recent.ts';
import { rpfilter } from './rpfilter.ts';
import { sctp } from './sctp.ts';
import { set } from './set.ts';
import { state } from './state.ts';
import { statistic } from './statistic.ts';
import { tcp } from './tcp.ts';
import { tcpmss } from './tcpmss.ts';
import { tos } from './tos.ts';
import { ttl } from './ttl.ts';
import { udp } from './udp.ts';

const matches: readonly MatchExtension[] = [
  ...[addrtype, comment, connmark, conntrack, dscp, hashlimit, icmp, iprange, length, limit, mac, mark, multiport, nfacct],
  ...[owner, physdev, pkttype, recent, rpfilter, sctp, set, state, statistic, tcp, tcpmss, tos, ttl, udp, ...extraMatches],
];

const byName: ReadonlyMap<string, MatchExtension> = new Map(matches.map(m => [m.name, m]));
export const matchNames: readonly string[] = matches.map(m => m.name);
export const findMatch = (name: string): MatchExtension | undefined => byName.get(name);
export const matchOf = (m: Match): MatchExtension => byName.get(m.kind === 'extra' ? m.name : m.kind)!;
