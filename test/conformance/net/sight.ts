/** An IPv4 packet as an object, read once by whoever got it: what an expectation is compared with. Not the router's own reader. */
import { formatIpv4 } from '../../../src/base/address.ts';
import * as checksum from '../../../src/wire/checksum.ts';
import * as icmp from '../../../src/wire/icmp.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';

export interface Sight {
  readonly src: string;
  readonly dst: string;
  readonly protocol: number;
  /** Of the whole packet, from its own header. */
  readonly length: number;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** Of TCP, UDP and SCTP; -1 for others and for what was cut off. */
  readonly sport: number;
  readonly dport: number;
  /** Letters FSRPAU. */
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  /** Of ICMP; -1 for others. */
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly ident: number;
  /** The packet that an ICMP error is about. */
  readonly quoted?: Sight;
  /** Behind the transport header. */
  readonly payload: Uint8Array;
  /** Header checksum, and the transport's where the whole packet is here. Of a quoted packet, the header's alone. */
  readonly sumsHold: boolean;
  readonly bytes: Uint8Array;
}

const u16 = (b: Uint8Array, at: number): number => (at + 2 <= b.length ? (b[at]! << 8) | b[at + 1]! : -1);
const u32 = (b: Uint8Array, at: number): number => (at + 4 <= b.length ? ((u16(b, at) << 16) | u16(b, at + 2)) >>> 0 : 0);

/** @param bytes from the IPv4 header on; a frame's padding behind the packet is cut off */
export function sightOf(bytes: Uint8Array, quoted = false): Sight {
  const l4 = (bytes[0]! & 15) << 2;
  const length = u16(bytes, 2);
  const b = bytes.subarray(0, quoted ? bytes.length : length);
  const protocol = b[9]!;
  const fragment = u16(b, 6);
  const first = (fragment & 0x1fff) === 0;
  const ports = first && (protocol === ipv4.Protocol.Tcp || protocol === ipv4.Protocol.Udp || protocol === ipv4.Protocol.Sctp);
  const isTcp = first && protocol === ipv4.Protocol.Tcp;
  const isIcmp = first && protocol === ipv4.Protocol.Icmp;
  const isError = isIcmp && icmp.isError(b[l4]!);
  const header = isTcp ? (b[l4 + 12]! >> 4) << 2 : protocol === ipv4.Protocol.Sctp ? 12 : 8;
  return {
    src: formatIpv4(u32(b, 12)),
    dst: formatIpv4(u32(b, 16)),
    protocol,
    length,
    fragmentOffset: (fragment & 0x1fff) << 3,
    moreFragments: (fragment & 0x2000) !== 0,
    sport: ports ? u16(b, l4) : -1,
    dport: ports ? u16(b, l4 + 2) : -1,
    flags: isTcp ? [...'FSRPAU'].filter((_, i) => ((b[l4 + 13] ?? 0) >> i) & 1).join('') : '',
    seq: isTcp ? u32(b, l4 + 4) : 0,
    ack: isTcp ? u32(b, l4 + 8) : 0,
    icmpType: isIcmp ? b[l4]! : -1,
    icmpCode: isIcmp ? b[l4 + 1]! : -1,
    ident: isIcmp && !isError ? u16(b, l4 + 4) : -1,
    ...(isError && b.length >= l4 + 28 ? { quoted: sightOf(b.subarray(l4 + 8), true) } : {}),
    payload: b.subarray(Math.min(first ? l4 + header : l4, b.length)),
    sumsHold: sumsHold(b, l4, protocol, quoted || fragment & 0x3fff ? 0 : length),
    bytes: b,
  };
}

/** @param length of the packet whose transport checksum can be known, or 0 */
function sumsHold(b: Uint8Array, l4: number, protocol: number, length: number): boolean {
  if (!checksum.holds(0, b, 0, l4)) return false;
  if (length === 0) return true;
  if (protocol === ipv4.Protocol.Icmp) return checksum.holds(0, b, l4, length);
  if (protocol === ipv4.Protocol.Udp && u16(b, l4 + 6) === 0) return true;
  if (protocol !== ipv4.Protocol.Udp && protocol !== ipv4.Protocol.Tcp) return true;
  return checksum.holds(checksum.pseudoHeader(u32(b, 12) | 0, u32(b, 16) | 0, protocol, length - l4), b, l4, length);
}

export const tellSight = (s: Sight): string => {
  const port = (n: number): string => (n < 0 ? '' : `:${n}`);
  const what = s.icmpType >= 0 ? ` type ${s.icmpType} code ${s.icmpCode}` : s.flags === '' ? '' : ` ${s.flags}`;
  return `${protocolName(s.protocol)} ${s.src}${port(s.sport)}>${s.dst}${port(s.dport)}${what}`;
};
const protocolName = (n: number): string => ({ 1: 'icmp', 6: 'tcp', 17: 'udp' })[n] ?? `protocol ${n}`;
