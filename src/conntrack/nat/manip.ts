/** Rewriting one side of a packet in place, checksums included (`nf_nat_ipv4_manip_pkt`, `net/netfilter/nf_nat_proto.c`). */
import { i32, setU16, setU32, u16 } from '../../wire/bytes.ts';
import * as checksum from '../../wire/checksum.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ipv4 from '../../wire/ipv4.ts';
import { Protocol } from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import * as udp from '../../wire/udp.ts';
import { writeCrc32c } from './crc32c.ts';
import { Manip } from './range.ts';

const SCTP_HEADER_LEN = 12;
const SCTP_CHECKSUM = 8;
/** What TCP and UDP headers quoted in an ICMP error have at least. */
const QUOTED = 8;

/**
 * Rewrites the source or destination of the IPv4 packet at `l3`: address, and port or ICMP identifier.
 *
 * @param proto   protocol of the flow: of the transport header at `l4`, which may be cut off after eight bytes in an ICMP error
 * @param partial the transport checksum holds only the pseudo-header sum (`Packet.csumStart`): ports are not in it
 * @returns false when the transport header is cut off before the port or its checksum: nothing is changed then.
 */
export function manipulate(
  b: Uint8Array,
  l3: number,
  l4: number,
  end: number,
  proto: number,
  manip: Manip,
  address: number,
  port: number,
  partial: boolean,
): boolean {
  const addressAt = l3 + (manip === Manip.Src ? 12 : 16);
  const from = i32(b, addressAt);
  const portAt = l4 + (manip === Manip.Src ? 0 : 2);
  switch (proto) {
    case Protocol.Tcp:
      if (l4 + QUOTED > end) return false;
      // Quoted and cut off: the checksum is not there to be mended.
      if (l4 + tcp.HEADER_LEN <= end) mend(b, l4 + tcp.CHECKSUM_OFFSET, from, address, u16(b, portAt), port, partial);
      setU16(b, portAt, port);
      break;
    case Protocol.Udp: {
      if (l4 + QUOTED > end) return false;
      const at = l4 + udp.CHECKSUM_OFFSET;
      if (u16(b, at) !== 0) {
        mend(b, at, from, address, u16(b, portAt), port, partial);
        if (u16(b, at) === 0) setU16(b, at, 0xffff); // 0 would say "none was computed" (RFC 768)
      }
      setU16(b, portAt, port);
      break;
    }
    case Protocol.Icmp:
      if (l4 + icmp.HEADER_LEN > end) return false;
      if (isQuery(icmp.type(b, l4))) icmp.setId(b, l4, port);
      break;
    case Protocol.Sctp:
      if (l4 + QUOTED > end) return false;
      setU16(b, portAt, port);
      if (l4 + SCTP_HEADER_LEN <= end && !partial) writeCrc32c(b, l4, end, l4 + SCTP_CHECKSUM);
      break;
  }
  setU16(b, l3 + 10, checksum.update32(ipv4.headerChecksum(b, l3), from, address));
  setU32(b, addressAt, address);
  return true;
}

/** Transport checksum at `at` after an address of the pseudo-header and a port have changed (RFC 1624). */
function mend(b: Uint8Array, at: number, from: number, to: number, fromPort: number, toPort: number, partial: boolean): void {
  const sum = u16(b, at);
  setU16(b, at, partial ? checksum.updatePartial32(sum, from, to) : checksum.update16(checksum.update32(sum, from, to), fromPort, toPort));
}

/** Messages that carry an identifier. */
const isQuery = (type: number): boolean =>
  type === icmp.Type.Echo || type === icmp.Type.EchoReply || (type >= icmp.Type.Timestamp && type <= icmp.Type.AddressMaskReply);
