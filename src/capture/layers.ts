/**
 * The headers of a captured frame as plain records: what `journey.jsonl` holds and what the comparisons look at. Frames come from
 * outside and may be cut or wrong: a layer that cannot be read ends the list with what is left as payload.
 */
import { createHash } from 'node:crypto';
import { formatIpv4, formatMac } from '../base/address.ts';
import { DropReason } from '../base/drop-reason.ts';
import * as arp from '../wire/arp.ts';
import { u16, u32 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import { LinkType } from './pcapng/format.ts';

/**
 * Of a checksum: `partial` holds only the pseudo-header's sum, as a sender with checksum offload leaves it; `none` is UDP's 0;
 * `unknown` when not all covered bytes were captured.
 */
export type ChecksumState = 'good' | 'bad' | 'partial' | 'none' | 'unknown';

export interface EthernetLayer {
  layer: 'ethernet';
  dst: string;
  src: string;
  type: number;
}
export interface ArpLayer {
  layer: 'arp';
  op: number;
  sha: string;
  spa: string;
  tha: string;
  tpa: string;
}
export interface Ipv4Layer {
  layer: 'ipv4';
  tos: number;
  totalLength: number;
  identification: number;
  dontFragment: boolean;
  moreFragments: boolean;
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  headerChecksum: ChecksumState;
  src: string;
  dst: string;
  /** Hexadecimal. */
  options: string;
}
export interface TcpLayer {
  layer: 'tcp';
  srcPort: number;
  dstPort: number;
  seq: number;
  ack: number;
  /** `SYN,ACK` in the order of the bits from FIN. */
  flags: string;
  window: number;
  checksum: ChecksumState;
  urgentPointer: number;
  mss?: number;
  windowScale?: number;
  sackPermitted: boolean;
  tsVal?: number;
  tsEcr?: number;
}
export interface UdpLayer {
  layer: 'udp';
  srcPort: number;
  dstPort: number;
  length: number;
  checksum: ChecksumState;
}
export interface IcmpLayer {
  layer: 'icmp';
  type: number;
  code: number;
  checksum: ChecksumState;
  /** Of a query. */
  id?: number;
  sequence?: number;
  /** Of "fragmentation needed" (RFC 1191). */
  nextHopMtu?: number;
}
export interface VxlanLayer {
  layer: 'vxlan';
  vni: number;
}
/** What no layer has read. `hash`: first 12 hexadecimal digits of SHA-256. */
export interface PayloadLayer {
  layer: 'payload';
  length: number;
  hash: string;
}
export type Layer = EthernetLayer | ArpLayer | Ipv4Layer | TcpLayer | UdpLayer | IcmpLayer | VxlanLayer | PayloadLayer;

/** Bytes of a header that others follow. 0 for a layer behind which nothing is looked for. */
export function layerLength(l: Layer): number {
  if (l.layer === 'ethernet') return ethernet.HEADER_LEN;
  if (l.layer === 'ipv4') return ipv4.HEADER_LEN + l.options.length / 2;
  if (l.layer === 'udp') return udp.HEADER_LEN;
  return l.layer === 'vxlan' ? vxlan.HEADER_LEN : 0;
}

/** Layers from the outside in. `payloadAt` and `payloadEnd` bound the innermost payload in the frame's bytes. */
export interface Dissection {
  layers: Layer[];
  /** Layers of the packet that an ICMP error quotes. */
  quoted: Layer[];
  payloadAt: number;
  payloadEnd: number;
}

const flagWords = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;
export const tcpFlagWords = (flags: number): string => flagWords.filter((_, bit) => (flags & (1 << bit)) !== 0).join(',');

/** UDP ports that carry VXLAN: IANA's and that of Linux and flannel. */
const vxlanPorts: readonly number[] = [vxlan.IANA_PORT, vxlan.LINUX_PORT];

export function dissect(bytes: Uint8Array, linkType: number = LinkType.Ethernet): Dissection {
  const d = new Dissector(bytes);
  if (linkType === LinkType.Ethernet) d.ethernet(0, bytes.length);
  else if (linkType === LinkType.Raw || linkType === LinkType.Ipv4) d.ipv4(0, bytes.length);
  else d.payload(0, bytes.length);
  return d.result;
}

class Dissector {
  readonly result: Dissection = { layers: [], quoted: [], payloadAt: 0, payloadEnd: 0 };
  readonly #b: Uint8Array;
  #into = this.result.layers;

  constructor(bytes: Uint8Array) {
    this.#b = bytes;
  }

  ethernet(at: number, end: number): void {
    if (ethernet.check(at, end) !== DropReason.None) {
      this.payload(at, end);
      return;
    }
    const h = ethernet.decode(this.#b, at);
    this.#into.push({ layer: 'ethernet', dst: formatMac(h.dst), src: formatMac(h.src), type: h.type });
    const next = at + ethernet.HEADER_LEN;
    if (h.type === ethernet.EtherType.Ipv4) this.ipv4(next, end);
    else if (h.type === ethernet.EtherType.Arp) this.arp(next, end);
    else this.payload(next, end);
  }

  arp(at: number, end: number): void {
    if (arp.check(this.#b, at, end) !== DropReason.None) {
      this.payload(at, end);
      return;
    }
    const h = arp.decode(this.#b, at);
    this.#into.push({
      layer: 'arp',
      op: h.op,
      sha: formatMac(h.sha),
      spa: formatIpv4(h.spa),
      tha: formatMac(h.tha),
      tpa: formatIpv4(h.tpa),
    });
  }

  ipv4(at: number, end: number): void {
    const b = this.#b;
    // Not `ipv4.check`: what a router drops is to be shown as well.
    if (end - at < ipv4.HEADER_LEN || b[at]! >> 4 !== 4) {
      this.payload(at, end);
      return;
    }
    const headerEnd = at + ipv4.headerLength(b, at);
    if (headerEnd - at < ipv4.HEADER_LEN || headerEnd > end) {
      this.payload(at, end);
      return;
    }
    const h = ipv4.decode(b, at);
    this.#into.push({
      layer: 'ipv4',
      tos: h.tos,
      totalLength: h.totalLength,
      identification: h.identification,
      dontFragment: h.dontFragment,
      moreFragments: h.moreFragments,
      fragmentOffset: h.fragmentOffset,
      ttl: h.ttl,
      protocol: h.protocol,
      headerChecksum: checksum.holds(0, b, at, headerEnd) ? 'good' : 'bad',
      src: formatIpv4(h.src),
      dst: formatIpv4(h.dst),
      options: Buffer.from(h.options).toString('hex'),
    });
    // A segment of 64 KiB and more has the length 0 until the interface cuts it.
    const packetEnd = h.totalLength === 0 ? end : at + h.totalLength;
    const whole = packetEnd <= end && !h.moreFragments && h.fragmentOffset === 0;
    const l4End = Math.min(packetEnd, end);
    if (h.fragmentOffset !== 0) {
      this.payload(headerEnd, l4End);
      return;
    }
    const sum = checksum.pseudoHeader(h.src, h.dst, h.protocol, packetEnd - headerEnd);
    if (h.protocol === ipv4.Protocol.Tcp) this.#tcp(headerEnd, l4End, whole ? sum : -1);
    else if (h.protocol === ipv4.Protocol.Udp) this.#udp(headerEnd, l4End, whole ? sum : -1);
    else if (h.protocol === ipv4.Protocol.Icmp) this.#icmp(headerEnd, l4End, whole);
    else if (h.protocol === ipv4.Protocol.Ipip) this.ipv4(headerEnd, l4End);
    else this.payload(headerEnd, l4End);
  }

  #tcp(at: number, end: number, sum: number): void {
    const b = this.#b;
    if (end - at < 8) {
      this.payload(at, end);
      return;
    }
    // An ICMP error quotes eight bytes: ports and sequence number.
    if (tcp.check(b, at, end) !== DropReason.None) {
      if (this.#into !== this.result.quoted) {
        this.payload(at, end);
        return;
      }
      this.#into.push({ ...quotedTcp, srcPort: tcp.srcPort(b, at), dstPort: tcp.dstPort(b, at), seq: tcp.seq(b, at) });
      return;
    }
    const h = tcp.decode(b, at);
    const layer: TcpLayer = {
      layer: 'tcp',
      srcPort: h.srcPort,
      dstPort: h.dstPort,
      seq: h.seq,
      ack: h.ack,
      flags: tcpFlagWords(h.flags),
      window: h.window,
      checksum: state(b, at, end, h.checksum, sum),
      urgentPointer: h.urgentPointer,
      sackPermitted: tcp.findOption(b, at, tcp.Option.SackPermitted) >= 0,
    };
    const mss = option(b, at, tcp.Option.Mss, 4);
    if (mss >= 0) layer.mss = u16(b, mss + 2);
    const scale = option(b, at, tcp.Option.WindowScale, 3);
    if (scale >= 0) layer.windowScale = b[scale + 2]!;
    const times = option(b, at, tcp.Option.Timestamps, 10);
    if (times >= 0) {
      layer.tsVal = u32(b, times + 2);
      layer.tsEcr = u32(b, times + 6);
    }
    this.#into.push(layer);
    this.payload(at + tcp.headerLength(b, at), end);
  }

  #udp(at: number, end: number, sum: number): void {
    const b = this.#b;
    if (end - at < udp.HEADER_LEN) {
      this.payload(at, end);
      return;
    }
    const h = udp.decode(b, at);
    const checksumState = h.checksum === 0 ? 'none' : state(b, at, end, h.checksum, sum);
    this.#into.push({ layer: 'udp', srcPort: h.srcPort, dstPort: h.dstPort, length: h.length, checksum: checksumState });
    const next = at + udp.HEADER_LEN;
    if (vxlanPorts.includes(h.dstPort) && vxlan.check(b, next, end) === DropReason.None) {
      this.#into.push({ layer: 'vxlan', vni: vxlan.vni(b, next) });
      this.ethernet(next + vxlan.HEADER_LEN, end);
    } else this.payload(next, end);
  }

  #icmp(at: number, end: number, whole: boolean): void {
    const b = this.#b;
    if (icmp.check(at, end) !== DropReason.None) {
      this.payload(at, end);
      return;
    }
    const type = icmp.type(b, at);
    const code = icmp.code(b, at);
    const good = whole ? (checksum.holds(0, b, at, end) ? 'good' : 'bad') : 'unknown';
    const layer: IcmpLayer = { layer: 'icmp', type, code, checksum: good };
    this.#into.push(layer);
    const next = at + icmp.HEADER_LEN;
    if (!icmp.isError(type)) {
      layer.id = icmp.id(b, at);
      layer.sequence = icmp.sequence(b, at);
      this.payload(next, end);
      return;
    }
    if (type === icmp.Type.DestUnreachable && code === icmp.Unreachable.FragNeeded) layer.nextHopMtu = icmp.rest(b, at) & 0xffff;
    if (this.#into === this.result.quoted) return;
    this.#into = this.result.quoted;
    this.ipv4(next, end);
    this.#into = this.result.layers;
  }

  payload(at: number, end: number): void {
    if (this.#into === this.result.layers) {
      this.result.payloadAt = at;
      this.result.payloadEnd = end;
    }
    if (end <= at) return;
    const hash = createHash('sha256').update(this.#b.subarray(at, end)).digest('hex').slice(0, 12);
    this.#into.push({ layer: 'payload', length: end - at, hash });
  }
}

const quotedTcp = { layer: 'tcp', ack: 0, flags: '', window: 0, checksum: 'unknown', urgentPointer: 0, sackPermitted: false } as const;

/** Offset of a TCP option of exactly `length` bytes, or -1. */
function option(b: Uint8Array, at: number, kind: number, length: number): number {
  const found = tcp.findOption(b, at, kind);
  return found >= 0 && b[found + 1] === length ? found : -1;
}

/** @param sum of the pseudo-header; -1 when the segment is not all there. */
function state(b: Uint8Array, at: number, end: number, field: number, sum: number): ChecksumState {
  if (sum < 0) return 'unknown';
  if (checksum.holds(sum, b, at, end)) return 'good';
  return field === checksum.fold(sum) ? 'partial' : 'bad';
}
