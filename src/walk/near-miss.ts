/** Why a rule did not match, in words: the test as iptables-save prints it, and what the packet has instead. */
import { formatIpv4 } from '../base/address.ts';
import type { Execution } from '../netfilter/execute/execution.ts';
import type { RulePart } from '../netfilter/execute/explain.ts';
import { addressTypes, type Match, type Rule } from '../netfilter/ruleset.ts';
import { printMatch, printRule, protocolText } from '../netfilter/text/rule-printer.ts';
import type { Packet } from '../packet/packet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { flagsText } from './fields.ts';

export interface Why {
  readonly test: string;
  readonly why: string;
}

const NOTHING = { matches: [] };

export function whyMissed(rule: Rule, part: RulePart, x: Execution, p: Packet, nameOf: (iface: number) => string, chance: string): Why {
  switch (part.part) {
    case 'source':
      return { test: words({ ...NOTHING, source: rule.source! }), why: `the source is ${formatIpv4(x.src)}` };
    case 'destination':
      return { test: words({ ...NOTHING, destination: rule.destination! }), why: `the destination is ${formatIpv4(x.dst)}` };
    case 'in':
      return {
        test: words({ ...NOTHING, inInterface: rule.inInterface! }),
        why: x.iif === 0 ? 'it was made on this node' : `it came in by ${nameOf(x.iif)}`,
      };
    case 'out':
      return { test: words({ ...NOTHING, outInterface: rule.outInterface! }), why: `it leaves by ${nameOf(x.oif)}` };
    case 'protocol':
      return { test: words({ ...NOTHING, protocol: rule.protocol! }), why: `it is ${protocolText(x.protocol)}` };
    case 'fragment':
      return {
        test: words({ ...NOTHING, fragment: rule.fragment! }),
        why: x.fragment === 0 ? 'it is no later fragment' : 'it is a later fragment',
      };
    case 'never':
      return { test: printRule(rule).trim(), why: 'the router cannot execute it: it never matches' };
    case 'match':
      return { test: printMatch(part.match).trim(), why: whyNot(part.match, x, p, chance) };
  }
}

const words = (rule: Parameters<typeof printRule>[0]): string => printRule(rule).trim();

function whyNot(m: Match, x: Execution, p: Packet, chance: string): string {
  const b = p.bytes;
  switch (m.kind) {
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'multiport':
      if (x.srcPort < 0) return `it is ${protocolText(x.protocol)} without ports`;
      if (m.kind === 'tcp' && m.flags && ports(m, x)) return `its flags are ${flagsText(tcp.flags(b, x.l4))}`;
      return `the ports are ${x.srcPort} > ${x.dstPort}`;
    case 'icmp':
      return `it is type ${icmp.type(b, x.l4)} code ${icmp.code(b, x.l4)}`;
    case 'addrtype': {
      const type = (address: number) => `${formatIpv4(address)} is ${addressTypes[x.env.addressType(address, 0)]}`;
      return [m.source && type(x.src), m.destination && type(x.dst)].filter(Boolean).join(', ');
    }
    case 'conntrack':
    case 'state':
      return `the state is ${stateOf(p)}`;
    case 'mark':
      return `the mark is 0x${(p.mark >>> 0).toString(16)}`;
    case 'connmark':
      return p.ct < 0 ? 'it has no connection' : `the connection's mark is 0x${x.connections.mark(p.ct).toString(16)}`;
    case 'statistic':
      return chance;
    case 'length':
      return `it has ${p.end - p.l3} bytes`;
    case 'ttl':
      return `its TTL is ${ipv4.ttl(b, p.l3)}`;
    case 'tos':
    case 'dscp':
      return `its TOS is 0x${ipv4.tos(b, p.l3).toString(16).padStart(2, '0')}`;
    case 'iprange':
      return `it goes from ${formatIpv4(x.src)} to ${formatIpv4(x.dst)}`;
    case 'pkttype':
      return 'it came as unicast';
    case 'recent':
      return `the list "${m.name}" begins empty in a walk`;
    case 'owner':
      return 'a described packet has no socket';
    case 'mac':
      return 'a described packet has no MAC address';
    case 'physdev':
      return 'it does not cross a bridge';
    default:
      return 'it does not hold';
  }
}

const ports = (m: Extract<Match, { kind: 'tcp' }>, x: Execution): boolean =>
  [
    [m.srcPort, x.srcPort],
    [m.dstPort, x.dstPort],
  ].every(([range, port]) => {
    if (typeof range !== 'object' || typeof port !== 'number') return true;
    return (port >= range.low && port <= range.high) !== range.not;
  });

/** As `-m conntrack --ctstate` names it. */
export function stateOf(p: Packet): string {
  if (p.ct < 0) return p.untracked ? 'UNTRACKED' : 'INVALID';
  return ['ESTABLISHED', 'RELATED', 'NEW'][p.ctinfo % 3]!;
}
