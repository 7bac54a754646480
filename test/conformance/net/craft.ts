/** Packets without a link header, as a socket sends them. */
import { parseIpv4 } from '../../../src/base/address.ts';
import { writeCrc32c } from '../../../src/conntrack/nat/crc32c.ts';
import { setU16 } from '../../../src/wire/bytes.ts';
import * as checksum from '../../../src/wire/checksum.ts';
import { type Ends, icmpFrame, ip, tcpFrame, udpFrame } from '../../router/frames.ts';

const MACS = { srcMac: '00:00:00:00:00:00', dstMac: '00:00:00:00:00:00' };
const bare = (frame: Uint8Array): Uint8Array => frame.slice(14);

type Addresses = Omit<Ends, 'srcMac' | 'dstMac'>;
let identification = 1;
const next = (): number => (identification = (identification + 1) & 0xffff);

export const udp = (e: Addresses & { sport: number; dport: number; data: Uint8Array }): Uint8Array =>
  bare(udpFrame({ ...MACS, id: next(), ...e }));
export const tcp = (e: Addresses & Omit<Parameters<typeof tcpFrame>[0], 'srcMac' | 'dstMac'>): Uint8Array =>
  bare(tcpFrame({ ...MACS, id: next(), dontFragment: true, ...e }));
export const icmp = (e: Addresses & { type: number; code?: number; rest?: number; data: Uint8Array }): Uint8Array =>
  bare(icmpFrame({ ...MACS, id: next(), ...e }));
/** Any other protocol. */
export const raw = (e: Addresses, protocol: number, payload: Uint8Array): Uint8Array =>
  bare(ip({ ...MACS, id: next(), ...e }, protocol, payload));

/** MSS 1460, SACK permitted, timestamps, window scale 7: the 20 bytes that a SYN of Linux carries. */
export const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7);

/** SCTP INIT in a packet of its own (RFC 9260 section 3.3.2). */
export function sctp(e: Addresses & { sport: number; dport: number; tag: number }): Uint8Array {
  const b = new Uint8Array(12 + 20);
  setU16(b, 0, e.sport);
  setU16(b, 2, e.dport);
  b.set([1, 0, 0, 20, e.tag >>> 24, e.tag >>> 16, e.tag >>> 8, e.tag, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1], 12);
  writeCrc32c(b, 0, b.length, 8);
  return raw(e, 132, b);
}

/** The same packet as the fragment at `offset` bytes, a multiple of eight; its header checksum is made right. */
export function atFragmentOffset(packet: Uint8Array, offset: number, more = false): Uint8Array {
  const b = packet.slice();
  setU16(b, 6, (offset >> 3) | (more ? 0x2000 : 0));
  setU16(b, 10, 0);
  setU16(b, 10, checksum.of(b, 0, (b[0]! & 15) << 2));
  return b;
}

export const isAddress = (text: string): boolean => {
  try {
    parseIpv4(text);
    return true;
  } catch {
    return false;
  }
};
