/** Frames made by hand for tests of captures: a packet in the words of its headers, and the hops that see it. */
import { parseIpv4, parseMac } from '../../../src/base/address.ts';
import type { CapturedFrame } from '../../../src/capture/captured-frame.ts';
import * as checksum from '../../../src/wire/checksum.ts';
import * as ethernet from '../../../src/wire/ethernet.ts';
import * as icmp from '../../../src/wire/icmp.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import * as tcp from '../../../src/wire/tcp.ts';
import * as udp from '../../../src/wire/udp.ts';
import * as vxlan from '../../../src/wire/vxlan.ts';

export interface Described {
  srcMac: string;
  dstMac: string;
  src: string;
  dst: string;
  ttl: number;
  id: number;
  /** An echo's identifier is `srcPort`. */
  protocol: 'tcp' | 'udp' | 'echo-request' | 'icmp-error';
  srcPort: number;
  dstPort: number;
  seq: number;
  ack: number;
  flags: number;
  payload: Uint8Array;
  /** With it the packet is sent in VXLAN. */
  envelope?: { srcMac: string; dstMac: string; src: string; dst: string; srcPort: number; vni: number; id: number } | undefined;
}

export const text = (s: string): Uint8Array => new TextEncoder().encode(s);

/** The IPv4 packet of a description. */
export function packetBytes(d: Described): Uint8Array {
  const src = parseIpv4(d.src);
  const dst = parseIpv4(d.dst);
  const isTcp = d.protocol === 'tcp';
  const options = isTcp && (d.flags & tcp.Flag.Syn) !== 0 ? Uint8Array.of(2, 4, 5, 0x82, 4, 2, 1, 1) : new Uint8Array(0);
  const l4Length = (isTcp ? tcp.HEADER_LEN + options.length : 8) + d.payload.length;
  const protocol = isTcp ? ipv4.Protocol.Tcp : d.protocol === 'udp' ? ipv4.Protocol.Udp : ipv4.Protocol.Icmp;
  const b = new Uint8Array(ipv4.HEADER_LEN + l4Length);
  ipv4.write(b, 0, 0, b.length, d.id, ipv4.DF, d.ttl, protocol, src, dst);
  const at = ipv4.HEADER_LEN;
  b.set(d.payload, b.length - d.payload.length);
  const sum = checksum.pseudoHeader(src, dst, protocol, l4Length);
  if (isTcp) {
    const { srcPort, dstPort, seq, ack, flags } = d;
    tcp.encode({ srcPort, dstPort, seq, ack, flags, window: 64240, checksum: 0, urgentPointer: 0, options }, b, at);
    tcp.setChecksum(b, at, checksum.finish(checksum.add(sum, b, at, b.length)));
  } else if (d.protocol === 'udp') {
    udp.encode({ srcPort: d.srcPort, dstPort: d.dstPort, length: l4Length, checksum: 0 }, b, at);
    udp.setChecksum(b, at, checksum.finish(checksum.add(sum, b, at, b.length)) || 0xffff);
  } else if (d.protocol === 'echo-request') icmp.finish(b, at, b.length, icmp.Type.Echo, 0, (d.srcPort << 16) | 1);
  else icmp.finish(b, at, b.length, icmp.Type.DestUnreachable, icmp.Unreachable.Port, 0);
  return b;
}

export function frameBytes(d: Described): Uint8Array {
  const inner = withEthernet(packetBytes(d), d.srcMac, d.dstMac);
  const e = d.envelope;
  if (!e) return inner;
  const b = new Uint8Array(ipv4.HEADER_LEN + udp.HEADER_LEN + vxlan.HEADER_LEN + inner.length);
  ipv4.write(b, 0, 0, b.length, e.id, 0, 64, ipv4.Protocol.Udp, parseIpv4(e.src), parseIpv4(e.dst));
  const at = udp.encode(
    { srcPort: e.srcPort, dstPort: vxlan.LINUX_PORT, length: b.length - ipv4.HEADER_LEN, checksum: 0 },
    b,
    ipv4.HEADER_LEN,
  );
  b.set(inner, vxlan.encode({ vni: e.vni }, b, at));
  return withEthernet(b, e.srcMac, e.dstMac);
}

function withEthernet(packet: Uint8Array, src: string, dst: string): Uint8Array {
  const b = new Uint8Array(ethernet.HEADER_LEN + packet.length);
  b.set(packet, ethernet.encode({ dst: parseMac(dst), src: parseMac(src), type: ethernet.EtherType.Ipv4 }, b));
  return b;
}

export const captured = (hop: string, direction: CapturedFrame['direction'], timeNs: bigint, bytes: Uint8Array): CapturedFrame => ({
  hop,
  timeNs,
  direction,
  linkType: 1,
  bytes,
  originalLength: bytes.length,
  tracedId: undefined,
  verdict: undefined,
  comments: [],
});
