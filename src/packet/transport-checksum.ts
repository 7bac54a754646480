/** Is the checksum of TCP and UDP right, or somebody else's business? */
import * as checksum from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Packet } from './packet.ts';

/**
 * As `nf_ip_checksum` with `nf_reject_verify_csum` in front: TCP and UDP by their pseudo-header; UDP's 0 is "none"; other protocols,
 * and what the device vouches for or will finish itself, are taken as right.
 */
export function transportHolds(p: Packet): boolean {
  if (p.csumStart !== 0 || p.csumValid) return true;
  const b = p.bytes;
  const protocol = ipv4.protocol(b, p.l3);
  if (protocol !== ipv4.Protocol.Tcp && protocol !== ipv4.Protocol.Udp) return true;
  if (protocol === ipv4.Protocol.Udp && p.end - p.l4 >= 8 && b[p.l4 + 6] === 0 && b[p.l4 + 7] === 0) return true;
  return checksum.holds(checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), protocol, p.end - p.l4), b, p.l4, p.end);
}
