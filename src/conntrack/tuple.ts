/**
 * A tuple as five numbers, in one reused object: what a packet's headers say about a flow. Ports are one word:
 * source << 16 | destination, or for ICMP identifier << 16 | type << 8 | code.
 */
import { i32, u16 } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { Protocol } from '../wire/ipv4.ts';

export class Tuple {
  src = 0;
  dst = 0;
  ports = 0;
  proto = 0;

  /**
   * From the IPv4 header at `l3` and the transport header at `l4` of `b`, whole or quoted in an ICMP error: the ports are enough,
   * of ICMP its eight bytes (`nf_ct_get_tuple`).
   * @returns false when the bytes that are needed are not there.
   */
  read(b: Uint8Array, l3: number, l4: number, end: number): boolean {
    this.src = ipv4.src(b, l3);
    this.dst = ipv4.dst(b, l3);
    const proto = ipv4.protocol(b, l3);
    this.proto = proto;
    switch (proto) {
      case Protocol.Tcp:
      case Protocol.Udp:
      case Protocol.Sctp:
        if (l4 + 4 > end) return false;
        this.ports = i32(b, l4);
        return true;
      case Protocol.Icmp:
        if (l4 + 8 > end) return false;
        this.ports = (u16(b, l4 + 4) << 16) | (b[l4]! << 8) | b[l4 + 1]!;
        return true;
      default:
        this.ports = 0;
        return true;
    }
  }

  /** Becomes the inverse of `of`: what the answer looks like. @returns false for an ICMP type that has no answer. */
  invert(of: Tuple): boolean {
    this.src = of.dst;
    this.dst = of.src;
    this.proto = of.proto;
    const ports = invertPorts(of.ports, of.proto);
    this.ports = ports;
    return ports !== -1 || of.proto !== Protocol.Icmp;
  }

  copy(of: Tuple): void {
    this.src = of.src;
    this.dst = of.dst;
    this.ports = of.ports;
    this.proto = of.proto;
  }

  equals(other: Tuple): boolean {
    return this.src === other.src && this.dst === other.dst && this.ports === other.ports && this.proto === other.proto;
  }
}

/** Answer to each ICMP query, by type; -1 has none (`invmap`, `nf_conntrack_proto_icmp.c`). */
const answers = Int8Array.of(8, -1, -1, -1, -1, -1, -1, -1, 0, -1, -1, -1, -1, 14, 13, 16, 15, 18, 17);

/** The ports word of the answer. For ICMP -1 (which no query has: its type would be 255) means that there is none. */
export function invertPorts(ports: number, proto: number): number {
  if (proto !== Protocol.Icmp) return (ports << 16) | (ports >>> 16);
  const type = (ports >>> 8) & 0xff;
  const answer = type < answers.length ? answers[type]! : -1;
  return answer < 0 ? -1 : (ports & 0xffff_00ff) | (answer << 8);
}
