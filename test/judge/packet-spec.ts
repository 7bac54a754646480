/** Packets in words that a case file can hold, and how they become frames. */
import { parseIpv4 } from '../../src/base/address.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { type Ends, icmpFrame, ip, tcpFrame, udpFrame } from '../router/frames.ts';
import { hostMac, type LinkName, links } from './topology.ts';

export interface PacketSpec {
  protocol: 'tcp' | 'udp' | 'icmp' | 'other';
  src: string;
  dst: string;
  sport?: number;
  dport?: number;
  /** TCP: letters of FSRPAU. */
  flags?: string;
  seq?: number;
  ack?: number;
  window?: number;
  /** A multiple of four bytes. */
  tcpOptions?: number[];
  /** ICMP. */
  type?: number;
  code?: number;
  rest?: number;
  ttl?: number;
  tos?: number;
  dontFragment?: boolean;
  /** Payload bytes: a pattern that depends on the position only. */
  length?: number;
  /** A fragment: bytes of the IP payload, of which this one holds `[offset, offset + length)`. */
  fragment?: { offset: number; length: number /** Fragments of one number have one identification. */; set?: number };
  options?: number[];
  /** What is wrong with it. */
  fault?: 'transport-sum' | 'ip-sum' | 'short' | 'no-udp-sum' | 'version' | 'udp-length';
  /** Layer 2: not the router's MAC; `multicast`: the group's own (RFC 1112 section 6.4). */
  to?: 'broadcast' | 'multicast' | 'other';
}

const endless = Uint8Array.from({ length: 16_384 }, (_, i) => (i * 31 + 7) & 0xff);
const pattern = (length: number): Uint8Array => endless.subarray(0, length);

const otherMacs = { broadcast: 'ff:ff:ff:ff:ff:ff', multicast: '01:00:5e:01:02:03', other: '02:99:99:99:99:99' } as const;

/** @param id IP identification: every injected packet has its own, so that what the router made is told from what it forwarded */
export function frameOf(spec: PacketSpec, link: LinkName, id: number, quoted?: Uint8Array): Uint8Array {
  const { net, mac } = links.find(l => l.name === link)!;
  const host = /^10\.0\.(\d+)\.(\d+)$/.exec(spec.src);
  const ends: Ends = {
    srcMac: hostMac(net, host && Number(host[1]) === net ? Number(host[2]) : 5),
    dstMac: spec.to ? otherMacs[spec.to] : mac,
    src: spec.src,
    dst: spec.dst,
    id,
    ttl: spec.ttl ?? 64,
    tos: spec.tos ?? 0,
    dontFragment: spec.dontFragment ?? false,
    ...(spec.options ? { options: Uint8Array.from(spec.options) } : {}),
  };
  const whole = wholeFrame(spec, ends, quoted);
  const frame = spec.fragment ? piece(whole, ends, spec.fragment) : whole;
  return faulty(frame, spec);
}

function wholeFrame(spec: PacketSpec, ends: Ends, quoted?: Uint8Array): Uint8Array {
  const data = quoted ?? pattern(spec.length ?? 16);
  switch (spec.protocol) {
    case 'tcp':
      return tcpFrame({
        ...ends,
        sport: spec.sport ?? 0,
        dport: spec.dport ?? 0,
        flags: spec.flags ?? 'S',
        seq: spec.seq ?? 0,
        ack: spec.ack ?? 0,
        window: spec.window ?? 8192,
        ...(spec.tcpOptions ? { tcpOptions: Uint8Array.from(spec.tcpOptions) } : {}),
        data: pattern(spec.length ?? 0),
      });
    case 'udp':
      return udpFrame({ ...ends, sport: spec.sport ?? 0, dport: spec.dport ?? 0, data, noChecksum: spec.fault === 'no-udp-sum' });
    case 'icmp':
      return icmpFrame({ ...ends, type: spec.type ?? 8, code: spec.code ?? 0, rest: spec.rest ?? 0x0102_0001, data });
    case 'other':
      return ip(ends, 99, data);
  }
}

function piece(whole: Uint8Array, ends: Ends, { offset, length }: { offset: number; length: number }): Uint8Array {
  const header = 14 + ipv4.headerLength(whole, 14);
  const payload = whole.slice(header);
  const moreFragments = offset + length < payload.length;
  return ip({ ...ends, moreFragments, fragmentOffset: offset }, whole[23]!, payload.slice(offset, offset + length));
}

function faulty(frame: Uint8Array, spec: PacketSpec): Uint8Array {
  const l4 = 14 + ipv4.headerLength(frame, 14);
  switch (spec.fault) {
    case 'transport-sum': {
      const field = l4 + (spec.protocol === 'tcp' ? 16 : spec.protocol === 'udp' ? 6 : 2);
      if (field + 1 < frame.length) frame[field + 1]! ^= 0x55;
      return frame;
    }
    case 'ip-sum':
      frame[25]! ^= 0x55;
      return frame;
    case 'version':
      frame[14] = 0x65;
      return frame;
    case 'short': {
      const cut = frame.slice(0, l4 + 3);
      cut[16] = 0;
      cut[17] = cut.length - 14;
      ipv4.rewriteChecksum(cut, 14);
      return cut;
    }
    case 'udp-length': {
      frame[l4 + 4] = 0xff;
      return frame;
    }
    default:
      return frame;
  }
}

export const residual = (b: Uint8Array, l3: number, l4: number, end: number): number =>
  checksum.fold(checksum.add(checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), ipv4.protocol(b, l3), end - l4), b, l4, end));
export const int = parseIpv4;
