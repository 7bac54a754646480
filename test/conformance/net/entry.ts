/** A tracked connection in the words of conntrack(8). */
import { Ips } from '../../../src/conntrack/status.ts';
import { tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import type { EntryView } from '../../../src/conntrack/text/view.ts';
import type { RuledHost } from './ruled-host.ts';
import type { Sight } from './sight.ts';

/** The entry whose tuple, in either direction, is that of the packet. */
export function entryOf(host: RuledHost, p: Sight): EntryView | undefined {
  const ports = p.ident >= 0 ? (p.ident << 16) | (p.icmpType << 8) | p.icmpCode : p.sport < 0 ? 0 : (p.sport << 16) | p.dport;
  return host.entry(p.src, p.dst, ports, p.protocol);
}

/** State of a TCP entry, and its flags: `SYN_SENT`, `UNREPLIED`, `DNAT`. */
export function wordsOf({ protocol, state, status }: EntryView): string[] {
  const words = (flag: number, name: string): string[] => ((status & flag) !== 0 ? [name] : []);
  return [
    ...(protocol === 6 ? [tcpStateNames[state]!] : []),
    ...((status & Ips.SeenReply) === 0 ? ['UNREPLIED'] : ['SEEN_REPLY']),
    ...words(Ips.Assured, 'ASSURED'),
    ...words(Ips.Confirmed, 'CONFIRMED'),
    ...words(Ips.SrcNat, 'SNAT'),
    ...words(Ips.DstNat, 'DNAT'),
  ];
}
