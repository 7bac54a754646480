/** Packets for the tests of conntrack: whole, with right checksums unless asked otherwise. */
import { parseIpv4 } from '../../src/base/address.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Conntrack, type ConntrackOptions } from '../../src/conntrack/conntrack.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as icmp from '../../src/wire/icmp.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as tcp from '../../src/wire/tcp.ts';
import * as udp from '../../src/wire/udp.ts';

export const POD = '10.244.1.5';
export const BACKEND = '10.244.2.7';
export const SERVICE = '10.96.0.10';
export const NODE = '192.168.56.11';
export const CLIENT = '203.0.113.9';

export function world(options: Partial<ConntrackOptions> = {}) {
  const clock = new VirtualClock();
  const ct = new Conntrack({ clock, random: new SeededRandom(1), capacity: 1024, ...options });
  ct.sweep();
  const wait = (ms: number): void => {
    clock.advance(ms);
    ct.sweepAll();
  };
  return { clock, ct, wait };
}

/** Wraps an IPv4 packet that starts at byte 0. */
export function packet(bytes: Uint8Array): Packet {
  const memory = plainMemory(bytes.length + 256);
  memory.bytes.set(bytes, 128);
  const p = new Packet();
  p.borrow(memory, 0, 128, 128 + bytes.length, memory.bytes.length);
  p.l3 = 128;
  p.l4 = 128 + ipv4.headerLength(bytes, 0);
  return p;
}

export interface Udp {
  src?: string;
  sport?: number;
  dst?: string;
  dport?: number;
  length?: number;
  /** `none`: field 0; `wrong`: one bit off. */
  checksum?: 'right' | 'none' | 'wrong';
}
export function udpPacket({ src = POD, sport = 40_000, dst = SERVICE, dport = 53, length = 4, checksum: sum = 'right' }: Udp = {}): Packet {
  const b = new Uint8Array(28 + length);
  const [s, d] = [parseIpv4(src), parseIpv4(dst)];
  ipv4.write(b, 0, 0, b.length, 7, 0, 64, 17, s, d);
  for (let i = 28; i < b.length; i++) b[i] = i;
  udp.encode({ srcPort: sport, dstPort: dport, length: 8 + length, checksum: 0 }, b, 20);
  if (sum !== 'none') {
    const right = checksum.finish(checksum.add(checksum.pseudoHeader(s, d, 17, 8 + length), b, 20, b.length)) || 0xffff;
    udp.setChecksum(b, 20, sum === 'wrong' ? right ^ 1 || 2 : right);
  }
  return packet(b);
}

const flagBits: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };
export const flagsOf = (letters: string): number => [...letters].reduce((bits, c) => bits | flagBits[c]!, 0);

export interface Tcp {
  src?: string;
  sport?: number;
  dst?: string;
  dport?: number;
  /** Letters S A F R P U, or the bits. */
  flags?: string | number;
  seq?: number;
  ack?: number;
  window?: number;
  length?: number;
  options?: readonly number[];
  wrongChecksum?: boolean;
}
export function tcpPacket(t: Tcp = {}): Packet {
  const { src = POD, sport = 40_000, dst = BACKEND, dport = 80, seq = 0, ack = 0, window = 65_535, length = 0, options = [] } = t;
  const padded = Uint8Array.from([...options, ...Array.from({ length: (4 - (options.length % 4)) % 4 }, () => 1)]);
  const size = 20 + padded.length + length;
  const b = new Uint8Array(20 + size);
  const [s, d] = [parseIpv4(src), parseIpv4(dst)];
  const flags = typeof t.flags === 'number' ? t.flags : flagsOf(t.flags ?? 'S');
  ipv4.write(b, 0, 0, b.length, 7, 0, 64, 6, s, d);
  const header = {
    srcPort: sport,
    dstPort: dport,
    seq: seq >>> 0,
    ack: ack >>> 0,
    flags,
    window,
    checksum: 0,
    urgentPointer: 0,
    options: padded,
  };
  tcp.encode(header, b, 20);
  const right = checksum.finish(checksum.add(checksum.pseudoHeader(s, d, 6, size), b, 20, b.length));
  tcp.setChecksum(b, 20, t.wrongChecksum ? right ^ 1 : right);
  return packet(b);
}

/** The same from the other end. */
export const reverse = <T extends Udp | Tcp>(t: T, more: Partial<T> = {}): T => ({
  ...t,
  src: t.dst,
  sport: t.dport,
  dst: t.src,
  dport: t.sport,
  ...more,
});

export function icmpPacket(
  src: string,
  dst: string,
  type: number,
  code: number,
  rest: number,
  payload: Uint8Array = new Uint8Array(8),
): Packet {
  const b = new Uint8Array(28 + payload.length);
  ipv4.write(b, 0, 0, b.length, 7, 0, 64, 1, parseIpv4(src), parseIpv4(dst));
  b.set(payload, 28);
  icmp.finish(b, 20, b.length, type, code, rest);
  return packet(b);
}

/** An error about a packet as it stands, quoting `quote` bytes of it. */
export function errorAbout(about: Packet, src: string, dst: string, type = 3, code = 1, quote = 28): Packet {
  return icmpPacket(src, dst, type, code, 0, about.bytes.slice(about.l3, Math.min(about.end, about.l3 + quote)));
}

/** Are all checksums of the packet right, those of a packet quoted whole included? */
export function checksumsHold(p: Packet, l3 = p.l3): boolean {
  const b = p.bytes;
  const at = l3 + ipv4.headerLength(b, l3);
  const end = l3 + ipv4.totalLength(b, l3);
  if (!checksum.holds(0, b, l3, at)) return false;
  if (end > p.end) return true; // quoted and cut off
  const protocol = ipv4.protocol(b, l3);
  if (protocol === 1) return checksum.holds(0, b, at, end) && (!icmp.isError(icmp.type(b, at)) || checksumsHold(p, at + 8));
  if (protocol === 17 && udp.checksum(b, at) === 0) return true;
  return checksum.holds(checksum.pseudoHeader(ipv4.src(b, l3), ipv4.dst(b, l3), protocol, end - at), b, at, end);
}

/** `10.244.1.5:40000 > 10.96.0.10:53` of the packet at `l3`. */
export function ends(p: Packet, l3 = p.l3): string {
  const { bytes: b } = p;
  const at = l3 + ipv4.headerLength(b, l3);
  const dotted = (v: number): string => `${v >>> 24}.${(v >>> 16) & 255}.${(v >>> 8) & 255}.${v & 255}`;
  const ports = ipv4.protocol(b, l3) !== 1;
  const [s, d] = [dotted(ipv4.src(b, l3)), dotted(ipv4.dst(b, l3))];
  return ports ? `${s}:${udp.srcPort(b, at)} > ${d}:${udp.dstPort(b, at)}` : `${s} > ${d}`;
}
