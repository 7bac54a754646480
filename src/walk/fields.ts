/** A packet's fields in words, and the addresses that are not known. */
import { formatIpv4, type Ipv4 } from '../base/address.ts';
import { protocolText } from '../netfilter/text/rule-printer.ts';
import type { Packet } from '../packet/packet.ts';
import { u16 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import type { Endpoint, PacketFields } from './story.ts';

/** Stands for an address that nobody has told: the IPv4 dummy address (RFC 7600), which no packet carries. */
export const UNKNOWN_ADDRESS: Ipv4 = 0xc0000008 | 0;

const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

/** What stands behind the numbers of the walks on one node. */
export class Unknowns {
  /** Whose address `UNKNOWN_ADDRESS` is. */
  whose = '';
  /** Source ports that were drawn at random: their numbers mean nothing. */
  readonly #randomPorts = new Set<number>();

  drawn(port: number | undefined): void {
    if (port !== undefined) this.#randomPorts.add(port);
  }

  endpoint(address: Ipv4, port: number | undefined): Endpoint {
    const unknown = address === UNKNOWN_ADDRESS;
    return {
      address: unknown ? null : formatIpv4(address),
      ...(port !== undefined && { port: this.#randomPorts.has(port) ? null : port }),
      ...(unknown && { unknown: this.whose }),
    };
  }

  fields(p: Packet): PacketFields {
    const b = p.bytes;
    const l3 = p.l3;
    const protocol = ipv4.protocol(b, l3);
    const l4 = l3 + ipv4.headerLength(b, l3);
    const ports = hasPorts(protocol) && ipv4.fragmentOffset(b, l3) === 0 && p.end - l4 >= 4;
    return {
      protocol: protocolText(protocol),
      source: this.endpoint(ipv4.src(b, l3), ports ? u16(b, l4) : undefined),
      destination: this.endpoint(ipv4.dst(b, l3), ports ? u16(b, l4 + 2) : undefined),
      ...(protocol === ipv4.Protocol.Tcp && p.end - l4 >= tcp.HEADER_LEN && { flags: flagsText(tcp.flags(b, l4)) }),
      ...(protocol === ipv4.Protocol.Icmp && p.end - l4 >= 2 && { icmp: { type: icmp.type(b, l4), code: icmp.code(b, l4) } }),
      ttl: ipv4.ttl(b, l3),
      tos: ipv4.tos(b, l3),
      length: p.end - l3,
      mark: p.mark >>> 0,
    };
  }
}

export const hasPorts = (protocol: number): boolean =>
  protocol === ipv4.Protocol.Tcp ||
  protocol === ipv4.Protocol.Udp ||
  protocol === ipv4.Protocol.Sctp ||
  protocol === ipv4.Protocol.Dccp ||
  protocol === ipv4.Protocol.UdpLite;

export const flagsText = (flags: number): string => flagNames.filter((_, i) => (flags >> i) & 1).join(',') || 'none';

/** `10.244.1.16:80`, or in words what it would be. */
export function endpointText(e: Endpoint): string {
  const address = e.address ?? `(${e.unknown ?? 'unknown'}, unknown here)`;
  if (e.port === undefined) return address;
  return e.port === null ? `${address}, a random port` : e.address === null ? `${address} port ${e.port}` : `${address}:${e.port}`;
}

const icmpWords: Record<string, string> = {
  '0/0': 'echo reply',
  '3/0': 'network unreachable',
  '3/1': 'host unreachable',
  '3/2': 'protocol unreachable',
  '3/3': 'port unreachable',
  '3/4': 'fragmentation needed',
  '3/9': 'network prohibited',
  '3/10': 'host prohibited',
  '3/13': 'administratively prohibited',
  '5/1': 'redirect',
  '8/0': 'echo request',
  '11/0': 'TTL exceeded',
  '11/1': 'reassembly time exceeded',
};

/** `tcp 10.244.1.2:40000 > 10.96.0.10:80 SYN`. */
export function packetText(f: PacketFields): string {
  const extra = f.flags ?? (f.icmp && icmpText(f.icmp));
  return `${f.protocol} ${endpointText(f.source)} > ${endpointText(f.destination)}${extra ? ` ${extra}` : ''}`;
}
function icmpText({ type, code }: { type: number; code: number }): string {
  return icmpWords[`${type}/${code}`] ?? `type ${type} code ${code}`;
}
