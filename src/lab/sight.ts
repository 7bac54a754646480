/** What a frame shows to an observer at a hop, in the words that an exercise's expectations use. Cold: one object per frame. */
import { formatIpv4, formatMac } from '../base/address.ts';
import { DropReason } from '../base/drop-reason.ts';
import type { CapturedFrame } from '../capture/captured-frame.ts';
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import { VXLAN } from './topology/addresses.ts';

/** Of the innermost packet; what is around it in a tunnel stands under `outer`. */
export interface Sight {
  srcMac: string;
  dstMac: string;
  protocol: 'arp' | 'tcp' | 'udp' | 'icmp' | `ip-${number}` | `ether-${string}`;
  /** `10.244.1.2:40000`; without a port for ICMP, ARP and others. */
  src: string;
  dst: string;
  ttl?: number;
  /** TCP: `SYN`, `SYN,ACK`, `FIN,ACK`, `RST`, `ACK`, `PSH,ACK`. */
  flags?: string;
  /** ICMP: `echo request`, `3/1`; ARP: `request`, `reply`. */
  kind?: string;
  /** ICMP echo. */
  sequence?: number;
  /** Seen from who owns the interface. */
  direction?: 'in' | 'out';
  /** Bytes of payload after the transport header. */
  payload: number;
  outer?: { srcMac: string; dstMac: string; src: string; dst: string; ttl: number; vni: number };
}

const flagNames: readonly (readonly [number, string])[] = [
  [tcp.Flag.Fin, 'FIN'],
  [tcp.Flag.Syn, 'SYN'],
  [tcp.Flag.Rst, 'RST'],
  [tcp.Flag.Psh, 'PSH'],
  [tcp.Flag.Ack, 'ACK'],
];

/** @returns undefined for what is no whole Ethernet frame of a kind that is known here. */
export function sightOf(b: Uint8Array, at: number, end: number): Sight | undefined {
  if (ethernet.check(at, end) !== DropReason.None) return undefined;
  const macs = { srcMac: formatMac(b, ethernet.srcAt(at)), dstMac: formatMac(b, ethernet.dstAt(at)) };
  const type = ethernet.type(b, at);
  const l3 = at + ethernet.HEADER_LEN;
  if (type === ethernet.EtherType.Arp) return arpSight(macs, b, l3, end);
  if (type !== ethernet.EtherType.Ipv4)
    return { ...macs, protocol: `ether-${type.toString(16).padStart(4, '0')}`, src: '', dst: '', payload: end - l3 };
  return ipv4Sight(macs, b, l3, end);
}

/** A packet that starts with its IPv4 header, as a hook or a TUN shows it. */
export const rawSight = (b: Uint8Array, at: number, end: number): Sight | undefined => ipv4Sight({ srcMac: '', dstMac: '' }, b, at, end);

/** LINKTYPE_RAW: the frame starts with its IPv4 header. */
const LINKTYPE_RAW = 101;
export function sightOfFrame(f: CapturedFrame): Sight | undefined {
  const sight = f.linkType === LINKTYPE_RAW ? rawSight(f.bytes, 0, f.bytes.length) : sightOf(f.bytes, 0, f.bytes.length);
  if (sight !== undefined && f.direction !== undefined) sight.direction = f.direction;
  return sight;
}

type Macs = Pick<Sight, 'srcMac' | 'dstMac'>;

function arpSight(macs: Macs, b: Uint8Array, at: number, end: number): Sight | undefined {
  if (arp.check(b, at, end) !== DropReason.None) return undefined;
  const kind = arp.op(b, at) === arp.Op.Request ? 'request' : 'reply';
  return { ...macs, protocol: 'arp', src: formatIpv4(arp.spa(b, at)), dst: formatIpv4(arp.tpa(b, at)), kind, payload: 0 };
}

function ipv4Sight(macs: Macs, b: Uint8Array, at: number, limit: number): Sight | undefined {
  if (ipv4.check(b, at, limit) !== DropReason.None) return undefined;
  const end = at + ipv4.totalLength(b, at); // Ethernet padding is no payload
  const l4 = at + ipv4.headerLength(b, at);
  const src = formatIpv4(ipv4.src(b, at));
  const dst = formatIpv4(ipv4.dst(b, at));
  const base = { ...macs, src, dst, ttl: ipv4.ttl(b, at), payload: end - l4 };
  const protocol = ipv4.protocol(b, at);
  if (ipv4.fragmentOffset(b, at) !== 0) return { ...base, protocol: `ip-${protocol}` };
  switch (protocol) {
    case ipv4.Protocol.Tcp: {
      if (tcp.check(b, l4, end) !== DropReason.None) return undefined;
      const flags = flagNames.filter(([bit]) => (tcp.flags(b, l4) & bit) !== 0).map(([, name]) => name);
      return {
        ...base,
        protocol: 'tcp',
        src: `${src}:${tcp.srcPort(b, l4)}`,
        dst: `${dst}:${tcp.dstPort(b, l4)}`,
        flags: flags.join(','),
        payload: end - l4 - tcp.headerLength(b, l4),
      };
    }
    case ipv4.Protocol.Udp:
      if (udp.check(b, l4, end) !== DropReason.None) return undefined;
      return udp.dstPort(b, l4) === VXLAN.port ? tunnelSight(base, b, l4, end) : udpSight(base, b, l4, end);
    case ipv4.Protocol.Icmp: {
      if (icmp.check(l4, end) !== DropReason.None) return undefined;
      const kind = `${icmp.type(b, l4)}/${icmp.code(b, l4)}`;
      const word = kind === '8/0' ? 'echo request' : kind === '0/0' ? 'echo reply' : kind;
      const echo = word.startsWith('echo') ? { sequence: icmp.sequence(b, l4) } : {};
      return { ...base, protocol: 'icmp', kind: word, ...echo, payload: base.payload - icmp.HEADER_LEN };
    }
    default:
      return { ...base, protocol: `ip-${protocol}` };
  }
}

const udpSight = (base: Omit<Sight, 'protocol'>, b: Uint8Array, l4: number, end: number): Sight => ({
  ...base,
  protocol: 'udp',
  src: `${base.src}:${udp.srcPort(b, l4)}`,
  dst: `${base.dst}:${udp.dstPort(b, l4)}`,
  payload: end - l4 - udp.HEADER_LEN,
});

function tunnelSight(base: Omit<Sight, 'protocol'>, b: Uint8Array, l4: number, end: number): Sight | undefined {
  const header = l4 + udp.HEADER_LEN;
  const inner = sightOf(b, header + vxlan.HEADER_LEN, end);
  if (inner === undefined) return udpSight(base, b, l4, end);
  const { srcMac, dstMac, src, dst } = base;
  return { ...inner, outer: { srcMac, dstMac, src, dst, ttl: base.ttl!, vni: vxlan.vni(b, header) } };
}

/** An expectation: every field that is named. `10.244.1.0:*` leaves the port open. */
export type Expectation = { [K in Exclude<keyof Sight, 'outer'>]?: Sight[K] } & { outer?: Partial<NonNullable<Sight['outer']>> | false };

/** @returns the fields that differ, in words; none when it is as expected. */
export function mismatches(sight: Sight, expected: Expectation): string[] {
  const result: string[] = [];
  for (const [key, want] of Object.entries(expected)) {
    if (key === 'outer') continue;
    const got = sight[key as Exclude<keyof Sight, 'outer'>];
    if (!fits(got, want)) result.push(`${key} ${got} instead of ${want}`);
  }
  if (expected.outer === false && sight.outer !== undefined) result.push('it is in a tunnel');
  if (typeof expected.outer === 'object') {
    if (sight.outer === undefined) result.push('it is not in a tunnel');
    else
      for (const [key, want] of Object.entries(expected.outer)) {
        const got = sight.outer[key as keyof NonNullable<Sight['outer']>];
        if (!fits(got, want)) result.push(`outer ${key} ${got} instead of ${want}`);
      }
  }
  return result;
}

const fits = (got: unknown, want: unknown): boolean =>
  typeof want === 'string' && want.endsWith(':*') ? typeof got === 'string' && got.startsWith(want.slice(0, -1)) : got === want;

/** One line for eyes: `203.0.113.9:40001 > 192.168.56.11:30080 SYN, TTL 64`. */
export function describeSight(s: Sight): string {
  const words = [s.protocol === 'tcp' ? '' : s.protocol, s.flags ?? '', s.kind ?? ''].filter(Boolean).join(' ');
  const ttl = s.ttl === undefined ? '' : `, TTL ${s.ttl}`;
  const packet = `${s.src} > ${s.dst}${words === '' ? '' : ` ${words}`}${ttl}`;
  return s.outer === undefined ? packet : `VXLAN ${s.outer.vni} ${s.outer.src} > ${s.outer.dst} [${packet}]`;
}

/** An expectation for eyes. */
export function describeExpectation(e: Expectation): string {
  const { outer, ...rest } = e;
  const words = Object.entries(rest).map(([key, value]) => `${key} ${value}`);
  if (outer === false) words.push('in no tunnel');
  if (typeof outer === 'object')
    words.push(
      `in VXLAN with ${Object.entries(outer)
        .map(([key, value]) => `${key} ${value}`)
        .join(', ')}`,
    );
  return words.join(', ');
}
