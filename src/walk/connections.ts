/** Connections that the node knew: the text of `conntrack -L -o extended`, put into the table of the node that is walked. */
import { type Ipv4, tryParseIpv4 } from '../base/address.ts';
import { TextError } from '../base/errors.ts';
import type { Conntrack } from '../conntrack/conntrack.ts';
import { ENTRY, STATE_MASK, STATE_SHIFT, STATUS } from '../conntrack/layout.ts';
import { RangeFlag } from '../conntrack/nat/range.ts';
import { Ips } from '../conntrack/status.ts';
import { tcpStateNames } from '../conntrack/tcp/states.ts';
import { Hook } from '../packet/verdict.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { packetBytes, packetOf } from './packet-bytes.ts';

interface Ends {
  readonly src: Ipv4;
  readonly dst: Ipv4;
  readonly srcPort: number;
  readonly dstPort: number;
}
export interface KnownConnection {
  readonly protocol: number;
  readonly seconds: number;
  /** Of TCP: a number of `tcpStateNames`. */
  readonly state: number;
  readonly original: Ends;
  readonly reply: Ends;
  readonly status: number;
  readonly mark: number;
}

/** What can be followed here; others (ICMP's queries last for seconds) are passed over. */
const followed: readonly number[] = [ipv4.Protocol.Tcp, ipv4.Protocol.Udp, ipv4.Protocol.Sctp];

/** @throws TextError BAD_INPUT for a line that is none of conntrack's */
export function readConnections(text: string, file: string): { connections: KnownConnection[]; passedOver: number } {
  const connections: KnownConnection[] = [];
  let passedOver = 0;
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || /^conntrack v\S+ /.test(line) || /^ipv6 /.test(line)) continue;
    const bad = (why: string): TextError => new TextError('BAD_INPUT', { file, line: i + 1, column: 1 }, why);
    const [, protocol, rest] = /^(?:ipv4 +2 +)?\S+ +(\d+) (.*)$/.exec(line) ?? [];
    if (rest === undefined) throw bad('expected a line of `conntrack -L -o extended`, as in "ipv4 2 tcp 6 431999 ESTABLISHED src=..."');
    if (!followed.includes(Number(protocol)) || /\bzone[-=]/.test(rest)) {
      passedOver++;
      continue;
    }
    const tuples = [...rest.matchAll(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g)].map(m => ({
      src: tryParseIpv4(m[1]!),
      dst: tryParseIpv4(m[2]!),
      srcPort: Number(m[3]),
      dstPort: Number(m[4]),
    }));
    const [original, reply] = tuples;
    if (reply === undefined || tuples.some(t => t.src === undefined || t.dst === undefined) || !/ use=\d+/.test(rest))
      throw bad('the line is cut short: expected both directions, and "use=" at its end; collect again');
    const word = /(?:^| )([A-Z_0-9]{4,}) src=/.exec(rest)?.[1] ?? 'NONE';
    connections.push({
      protocol: Number(protocol),
      seconds: Number(/^ *(\d+) /.exec(rest)?.[1] ?? 60),
      state: Math.max(0, (tcpStateNames as readonly string[]).indexOf(word)),
      original: original as Ends,
      reply: reply as Ends,
      status: (rest.includes('[UNREPLIED]') ? 0 : Ips.SeenReply) | (rest.includes('[ASSURED]') ? Ips.Assured : 0),
      mark: Number(/ mark=(\d+)/.exec(rest)?.[1] ?? 0),
    });
  }
  return { connections, passedOver };
}

/** As if the first packet of each had gone its way: past all rules, with the translation that it got then. */
export function install(conntrack: Conntrack, connections: readonly KnownConnection[]): void {
  for (const c of connections) {
    const p = packetOf(packetBytes({ ...PLAIN, ...c.original, protocol: c.protocol }));
    conntrack.track(p, Hook.Prerouting);
    const i = p.ct;
    if (i < 0 || (conntrack.status(i) & Ips.Confirmed) !== 0) continue;
    const { nat, core } = conntrack;
    const { original, reply } = c;
    if (reply.src === original.dst && reply.srcPort === original.dstPort) nat.bindNull(i, DESTINATION);
    else nat.bind(i, DESTINATION, EXACT, reply.src, reply.src, reply.srcPort, reply.srcPort);
    if (reply.dst === original.src && reply.dstPort === original.srcPort) nat.bindNull(i, SOURCE);
    else nat.bind(i, SOURCE, EXACT, reply.dst, reply.dst, reply.dstPort, reply.dstPort);
    conntrack.confirm(p);
    conntrack.setMark(i, c.mark | 0);
    const at = i * ENTRY + STATUS;
    const words = core.table.words;
    words[at] = (words[at]! & ~STATE_MASK) | (c.state << STATE_SHIFT) | c.status;
    core.refresh(i, Math.max(1, c.seconds) * 1000);
  }
}

/** NF_NAT_MANIP_SRC, NF_NAT_MANIP_DST. */
const SOURCE = 0;
const DESTINATION = 1;
const EXACT = RangeFlag.MapIps | RangeFlag.ProtoSpecified;

const PLAIN = { flags: tcp.Flag.Syn, mss: 1460, icmpType: 0, icmpCode: 0, ttl: 64, tos: 0, mark: 0 };
