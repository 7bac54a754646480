/** Is the checksum of TCP and UDP right, or somebody else's business? */
import * as checksum from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Packet } from './packet.ts';

/**
 * May a packet be answered by REJECT (`nf_ip_checksum`, with `nf_reject_verify_csum` in front)? Protocols with another kind of checksum
 * are not looked at; of one that nobody knows, the Internet checksum of all its bytes must come to nothing.
 */
export function mayReject(p: Packet): boolean {
  switch (ipv4.protocol(p.bytes, p.l3)) {
    case ipv4.Protocol.Tcp:
    case ipv4.Protocol.Udp:
      return transportHolds(p);
    case ipv4.Protocol.Gre:
      if (p.end - p.l4 >= 4 && (p.bytes[p.l4]! & GRE_CHECKSUM) === 0) return true;
      break;
    case ipv4.Protocol.Ah:
    case ipv4.Protocol.Esp:
    case ipv4.Protocol.Sctp:
    case ipv4.Protocol.UdpLite:
    case ipv4.Protocol.Dccp:
      return true;
  }
  return p.csumStart !== 0 || p.csumValid || checksum.holds(0, p.bytes, p.l4, p.end);
}

/** The C bit of a GRE header's first byte (RFC 2784). */
const GRE_CHECKSUM = 0x80;

/** TCP and UDP by their pseudo-header; UDP's 0 is "none"; what the device vouches for or will finish itself is taken as right. */
export function transportHolds(p: Packet): boolean {
  if (p.csumStart !== 0 || p.csumValid) return true;
  const b = p.bytes;
  const protocol = ipv4.protocol(b, p.l3);
  if (protocol !== ipv4.Protocol.Tcp && protocol !== ipv4.Protocol.Udp) return true;
  if (protocol === ipv4.Protocol.Udp && p.end - p.l4 >= 8 && b[p.l4 + 6] === 0 && b[p.l4 + 7] === 0) return true;
  return checksum.holds(checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), protocol, p.end - p.l4), b, p.l4, p.end);
}
