/** Is the checksum of TCP and UDP right, or somebody else's business? */
import * as checksum from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Packet } from './packet.ts';
import { Hook } from './verdict.ts';

/**
 * May a packet be answered by REJECT (`nf_reject_verify_csum`, then `nf_ip_checksum`)? Protocols with another kind of checksum are not
 * looked at; of one that nobody knows, the Internet checksum of all its bytes must come to nothing. The sum
 * runs over the IPv4 header too, which adds nothing unless options were changed in it.
 */
export function mayReject(p: Packet): boolean {
  const b = p.bytes;
  const protocol = ipv4.protocol(b, p.l3);
  let pseudo = 0;
  switch (protocol) {
    case ipv4.Protocol.Udp:
      if (p.end - p.l4 >= 8 && b[p.l4 + 6] === 0 && b[p.l4 + 7] === 0) return true;
      pseudo = checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), protocol, p.end - p.l4);
      break;
    case ipv4.Protocol.Tcp:
      pseudo = checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), protocol, p.end - p.l4);
      break;
    case ipv4.Protocol.Gre:
      if (p.end - p.l4 >= 4 && (b[p.l4]! & GRE_CHECKSUM) === 0) return true;
      break;
    case ipv4.Protocol.Ah:
    case ipv4.Protocol.Esp:
    case ipv4.Protocol.Sctp:
    case ipv4.Protocol.UdpLite:
    case ipv4.Protocol.Dccp:
      return true;
  }
  if (p.csumStart !== 0 || p.csumValid) return true;
  return checksum.holds(pseudo, b, p.l3, p.end);
}

/** The same for a reset (`nf_reject_ip_tcphdr_get`): on its way through FORWARD a segment is summed once more, whatever is known of it. */
export function mayReset(p: Packet, hook: Hook): boolean {
  if (p.csumStart !== 0 || (p.csumValid && (hook === Hook.Input || !p.optionsChanged))) return true;
  const b = p.bytes;
  const pseudo = checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), ipv4.Protocol.Tcp, p.end - p.l4);
  return checksum.holds(pseudo, b, p.l3, p.end);
}

/** The C bit of a GRE header's first byte (RFC 2784). */
const GRE_CHECKSUM = 0x80;

/**
 * Is the transport checksum right, with `pseudo` the sum of the pseudo-header or 0? What has been found out is noted, and what the
 * device vouches for or will finish itself is taken as right.
 */
export function verifyTransport(p: Packet, pseudo: number): boolean {
  if (p.csumStart !== 0 || p.csumValid) return true;
  p.csumValid = checksum.holds(pseudo, p.bytes, p.l4, p.end);
  return p.csumValid;
}

/** TCP and UDP by their pseudo-header; UDP's 0 is "none"; what the device vouches for or will finish itself is taken as right. */
export function transportHolds(p: Packet): boolean {
  if (p.csumStart !== 0 || p.csumValid) return true;
  const b = p.bytes;
  const protocol = ipv4.protocol(b, p.l3);
  if (protocol !== ipv4.Protocol.Tcp && protocol !== ipv4.Protocol.Udp) return true;
  if (protocol === ipv4.Protocol.Udp && p.end - p.l4 >= 8 && b[p.l4 + 6] === 0 && b[p.l4 + 7] === 0) return true;
  return checksum.holds(checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), protocol, p.end - p.l4), b, p.l4, p.end);
}
