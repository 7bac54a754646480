/** A tracked connection in the words of conntrack(8). */
import { parseIpv4 } from '../../../src/base/address.ts';
import { Ips } from '../../../src/conntrack/status.ts';
import { tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import type { RouterHost } from './router-host.ts';
import type { Sight } from './sight.ts';

/** Number of the entry whose tuple, in either direction, is that of the packet; -1 when there is none. */
export function entryOf({ world }: RouterHost, p: Sight): number {
  const ports = p.ident >= 0 ? (p.ident << 16) | (p.icmpType << 8) | p.icmpCode : p.sport < 0 ? 0 : (p.sport << 16) | p.dport;
  return world.conntrack.findEntry(parseIpv4(p.src), parseIpv4(p.dst), ports, p.protocol);
}

/** State of a TCP entry, and its flags: `SYN_SENT`, `UNREPLIED`, `DNAT`. */
export function wordsOf({ world }: RouterHost, entry: number): string[] {
  const { conntrack } = world;
  const status = conntrack.status(entry);
  const words = (flag: number, name: string): string[] => ((status & flag) !== 0 ? [name] : []);
  return [
    ...(conntrack.protocol(entry) === 6 ? [tcpStateNames[conntrack.tcpState(entry)]!] : []),
    ...((status & Ips.SeenReply) === 0 ? ['UNREPLIED'] : ['SEEN_REPLY']),
    ...words(Ips.Assured, 'ASSURED'),
    ...words(Ips.Confirmed, 'CONFIRMED'),
    ...words(Ips.SrcNat, 'SNAT'),
    ...words(Ips.DstNat, 'DNAT'),
  ];
}
