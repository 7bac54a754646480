/** What a frame shows to an observer at a hop, in the few words that an exercise's expectations use. */
import type { CapturedFrame } from '../capture/captured-frame.ts';
import type { IcmpLayer } from '../capture/layers.ts';
import { LinkType } from '../capture/pcapng/format.ts';
import { find, protocolWord, type Sighting, sight } from '../capture/sighting.ts';

/** Of the innermost packet; what is around it in a tunnel stands under `outer`. */
export interface Sight {
  srcMac: string;
  dstMac: string;
  /** `tcp`, `udp`, `icmp`, `arp`, `protocol 47`, `ethertype 86dd`. */
  protocol: string;
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
  /** `vni`: of VXLAN; IPIP has no number. */
  outer?: { srcMac: string; dstMac: string; src: string; dst: string; ttl: number; vni?: number };
}

/** @returns undefined for what is no whole frame of a kind that is known here. */
export function sightOf(frame: CapturedFrame): Sight | undefined {
  const s = sight(frame);
  const base = {
    srcMac: s.ethernet?.src ?? '',
    dstMac: s.ethernet?.dst ?? '',
    payload: s.payload.length,
    ...(frame.direction === undefined ? {} : { direction: frame.direction }),
  };
  const arp = find(s.packet, 'arp');
  if (arp) return { ...base, protocol: 'arp', src: arp.spa, dst: arp.tpa, kind: arp.op === 1 ? 'request' : 'reply' };
  if (!s.ipv4) return s.ethernet && { ...base, protocol: `ethertype ${s.ethernet.type.toString(16).padStart(4, '0')}`, src: '', dst: '' };
  const ports = s.tcp ?? s.udp;
  return {
    ...base,
    protocol: protocolWord(s.ipv4.protocol),
    src: ports ? `${s.ipv4.src}:${ports.srcPort}` : s.ipv4.src,
    dst: ports ? `${s.ipv4.dst}:${ports.dstPort}` : s.ipv4.dst,
    ttl: s.ipv4.ttl,
    ...(s.tcp ? { flags: s.tcp.flags } : {}),
    ...(s.icmp ? icmpFields(s.icmp) : {}),
    ...outerOf(s),
  };
}

const echoWords: Readonly<Record<string, string>> = { '8/0': 'echo request', '0/0': 'echo reply' };

function icmpFields({ type, code, sequence }: IcmpLayer): Pick<Sight, 'kind' | 'sequence'> {
  const kind = echoWords[`${type}/${code}`] ?? `${type}/${code}`;
  return { kind, ...(sequence === undefined ? {} : { sequence }) };
}

function outerOf({ envelope }: Sighting): Pick<Sight, 'outer'> {
  const ethernet = find(envelope, 'ethernet');
  const ipv4 = find(envelope, 'ipv4');
  const vxlan = find(envelope, 'vxlan');
  if (!ipv4) return {};
  const { src, dst, ttl } = ipv4;
  const vni = vxlan === undefined ? {} : { vni: vxlan.vni };
  return { outer: { srcMac: ethernet?.src ?? '', dstMac: ethernet?.dst ?? '', src, dst, ttl, ...vni } };
}

/** A frame that stands in nobody's capture. */
export const frameOf = (bytes: Uint8Array, direction?: 'in' | 'out', linkType: number = LinkType.Ethernet): CapturedFrame => ({
  hop: '',
  timeNs: 0n,
  direction,
  linkType,
  bytes,
  originalLength: bytes.length,
  tracedId: undefined,
  verdict: undefined,
  comments: [],
});

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
  return s.outer === undefined ? packet : `${envelopeName(s.outer)} ${s.outer.src} > ${s.outer.dst} [${packet}]`;
}

/** `VXLAN 1`, `IPIP`. */
export const envelopeName = ({ vni }: { vni?: number }): string => (vni === undefined ? 'IPIP' : `VXLAN ${vni}`);

/** An expectation for eyes. */
export function describeExpectation(e: Expectation): string {
  const { outer, ...rest } = e;
  const words = Object.entries(rest).map(([key, value]) => `${key} ${value}`);
  if (outer === false) words.push('in no tunnel');
  if (typeof outer === 'object')
    words.push(
      `in an envelope with ${Object.entries(outer)
        .map(([key, value]) => `${key} ${value}`)
        .join(', ')}`,
    );
  return words.join(', ');
}
