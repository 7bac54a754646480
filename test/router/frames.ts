/** Frames in words, for tests: made from fields, told back as one line. */
import { formatIpv4, formatMac, parseIpv4, parseMac } from '../../src/base/address.ts';
import * as arp from '../../src/wire/arp.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import * as icmp from '../../src/wire/icmp.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as tcp from '../../src/wire/tcp.ts';
import * as udp from '../../src/wire/udp.ts';

export interface Ends {
  srcMac: string;
  dstMac: string;
  src: string;
  dst: string;
  ttl?: number;
  tos?: number;
  id?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  fragmentOffset?: number;
  options?: Uint8Array;
}

export const text = (words: string): Uint8Array => new TextEncoder().encode(words);

/** Read once: the judge makes thousands of frames a second with a few addresses. */
const macs = new Map<string, Uint8Array>();
function macBytes(text: string): Uint8Array {
  let bytes = macs.get(text);
  if (bytes === undefined) {
    bytes = parseMac(text);
    macs.set(text, bytes);
  }
  return bytes;
}

/** An Ethernet frame around `payload` of IPv4 protocol `protocol`. */
export function ip(e: Ends, protocol: number, payload: Uint8Array): Uint8Array {
  const options = e.options ?? new Uint8Array(0);
  const total = ipv4.HEADER_LEN + options.length + payload.length;
  const b = new Uint8Array(ethernet.HEADER_LEN + total);
  const at = ethernet.encode({ dst: macBytes(e.dstMac), src: macBytes(e.srcMac), type: ethernet.EtherType.Ipv4 }, b);
  const l4 = ipv4.encode(
    {
      tos: e.tos ?? 0,
      totalLength: total,
      identification: e.id ?? 1,
      dontFragment: e.dontFragment ?? false,
      moreFragments: e.moreFragments ?? false,
      fragmentOffset: e.fragmentOffset ?? 0,
      ttl: e.ttl ?? 64,
      protocol,
      src: parseIpv4(e.src),
      dst: parseIpv4(e.dst),
      options,
    },
    b,
    at,
  );
  b.set(payload, l4);
  return b;
}

function withTransportSum(e: Ends, protocol: number, segment: Uint8Array, field: number): Uint8Array {
  const pseudo = checksum.pseudoHeader(parseIpv4(e.src), parseIpv4(e.dst), protocol, segment.length);
  const sum = checksum.finish(checksum.add(pseudo, segment, 0, segment.length)) || 0xffff;
  segment[field] = sum >> 8;
  segment[field + 1] = sum;
  return segment;
}

export function udpFrame(e: Ends & { sport: number; dport: number; data?: Uint8Array; noChecksum?: boolean }): Uint8Array {
  const data = e.data ?? text('hello');
  const b = new Uint8Array(udp.HEADER_LEN + data.length);
  udp.encode({ srcPort: e.sport, dstPort: e.dport, length: b.length, checksum: 0 }, b);
  b.set(data, udp.HEADER_LEN);
  return ip(e, ipv4.Protocol.Udp, e.noChecksum ? b : withTransportSum(e, ipv4.Protocol.Udp, b, udp.CHECKSUM_OFFSET));
}

export function tcpFrame(
  e: Ends & {
    sport: number;
    dport: number;
    flags: string;
    seq?: number;
    ack?: number;
    window?: number;
    /** Padded to a multiple of four bytes. */
    tcpOptions?: Uint8Array;
    data?: Uint8Array;
  },
): Uint8Array {
  const letters: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };
  let flags = 0;
  for (const letter of e.flags) flags |= letters[letter]!;
  const data = e.data ?? new Uint8Array(0);
  const options = e.tcpOptions ?? new Uint8Array(0);
  const b = new Uint8Array(tcp.HEADER_LEN + options.length + data.length);
  tcp.encode(
    {
      srcPort: e.sport,
      dstPort: e.dport,
      seq: e.seq ?? 1000,
      ack: e.ack ?? 0,
      flags,
      window: e.window ?? 64_240,
      checksum: 0,
      urgentPointer: 0,
      options,
    },
    b,
  );
  b.set(data, tcp.HEADER_LEN + options.length);
  return ip(e, ipv4.Protocol.Tcp, withTransportSum(e, ipv4.Protocol.Tcp, b, tcp.CHECKSUM_OFFSET));
}

export function icmpFrame(e: Ends & { type: number; code?: number; rest?: number; data?: Uint8Array }): Uint8Array {
  const data = e.data ?? text('abcdefgh');
  const b = new Uint8Array(icmp.HEADER_LEN + data.length);
  b.set(data, icmp.HEADER_LEN);
  icmp.finish(b, 0, b.length, e.type, e.code ?? 0, e.rest ?? 0x0001_0001);
  return ip(e, ipv4.Protocol.Icmp, b);
}

export function arpFrame(a: { op: 'request' | 'reply'; sha: string; spa: string; tha?: string; tpa: string; dstMac?: string }): Uint8Array {
  const b = new Uint8Array(ethernet.HEADER_LEN + arp.HEADER_LEN);
  const dst = a.dstMac ?? (a.op === 'request' ? 'ff:ff:ff:ff:ff:ff' : a.tha!);
  const at = ethernet.encode({ dst: parseMac(dst), src: parseMac(a.sha), type: ethernet.EtherType.Arp }, b);
  const op = a.op === 'request' ? arp.Op.Request : arp.Op.Reply;
  const tha = parseMac(a.tha ?? '00:00:00:00:00:00');
  arp.encode({ op, sha: parseMac(a.sha), spa: parseIpv4(a.spa), tha, tpa: parseIpv4(a.tpa) }, b, at);
  return b;
}

/**
 * A frame in one line: `02:..:01>02:..:02 udp 10.0.0.1:1000>10.0.0.2:53 ttl 63`. A checksum that is wrong is said: `badsum`. ICMP errors
 * tell the packet they quote in brackets.
 */
export function tell(b: Uint8Array): string {
  const macs = `${formatMac(b, 6)}>${formatMac(b, 0)}`;
  const type = ethernet.type(b, 0);
  if (type === ethernet.EtherType.Arp) {
    const p = arp.decode(b, ethernet.HEADER_LEN);
    if (p.op === arp.Op.Request) return `${macs} arp who-has ${formatIpv4(p.tpa)} tell ${formatIpv4(p.spa)}`;
    return `${macs} arp ${formatIpv4(p.spa)} is-at ${formatMac(p.sha)} to ${formatIpv4(p.tpa)}`;
  }
  return type === ethernet.EtherType.Ipv4 ? `${macs} ${tellIp(b, ethernet.HEADER_LEN, b.length)}` : `${macs} type ${type.toString(16)}`;
}

export function tellIp(b: Uint8Array, at: number, end: number, quoted = false): string {
  if (b.length - at < ipv4.HEADER_LEN) return 'cut off';
  const h = ipv4.decode(b, at);
  const l4 = at + ipv4.headerLength(b, at);
  const src = formatIpv4(h.src);
  const dst = formatIpv4(h.dst);
  const extra = [`ttl ${h.ttl}`];
  if (h.tos !== 0) extra.push(`tos 0x${h.tos.toString(16)}`);
  if (h.moreFragments || h.fragmentOffset > 0) extra.push(`frag ${h.fragmentOffset}${h.moreFragments ? '+' : ''} of ${h.identification}`);
  if (ipv4.check(b, at, quoted ? at + h.totalLength : end) !== 0 && !quoted) extra.push('badip');
  const sumHolds = (): boolean =>
    quoted ||
    h.moreFragments ||
    h.fragmentOffset > 0 ||
    checksum.holds(checksum.pseudoHeader(h.src, h.dst, h.protocol, end - l4), b, l4, end);
  switch (h.fragmentOffset > 0 ? -1 : h.protocol) {
    case ipv4.Protocol.Udp: {
      const sum = udp.checksum(b, l4);
      if (sum === 0) extra.push('nosum');
      else if (!sumHolds()) extra.push('badsum');
      return `udp ${src}:${udp.srcPort(b, l4)}>${dst}:${udp.dstPort(b, l4)} ${extra.join(' ')}`;
    }
    case ipv4.Protocol.Tcp: {
      if (!sumHolds()) extra.push('badsum');
      const flags = ['F', 'S', 'R', 'P', 'A', 'U'].filter((_, i) => (tcp.flags(b, l4) >> i) & 1).join('');
      return `tcp ${src}:${tcp.srcPort(b, l4)}>${dst}:${tcp.dstPort(b, l4)} ${flags} ${extra.join(' ')}`;
    }
    case ipv4.Protocol.Icmp: {
      if (!quoted && !checksum.holds(0, b, l4, end)) extra.push('badsum');
      const type = icmp.type(b, l4);
      const what = `icmp ${src}>${dst} type ${type} code ${icmp.code(b, l4)}`;
      if (!icmp.isError(type)) return `${what} id ${icmp.id(b, l4)} ${extra.join(' ')}`;
      const rest = icmp.rest(b, l4) >>> 0;
      return `${what}${rest ? ` rest ${rest}` : ''} ${extra.join(' ')} [${tellIp(b, l4 + icmp.HEADER_LEN, end, true)}]`;
    }
    case ipv4.Protocol.Ipip:
      return `ipip ${src}>${dst} ${extra.join(' ')} [${tellIp(b, l4, end, quoted)}]`;
    default:
      return `ip ${src}>${dst} proto ${h.protocol} ${extra.join(' ')}`;
  }
}
