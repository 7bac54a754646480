/** Ethernet II header (IEEE 802.3 clause 3.2.6), read and written in place. `at` is the offset of the destination address. */
import { DropReason } from '../base/drop-reason.ts';
import { copy, setU16, u16 } from './bytes.ts';

const DST = 0;
const SRC = 6;
const TYPE = 12;
export const HEADER_LEN = 14;
export const ADDRESS_LEN = 6;

/** EtherType (IANA "IEEE 802 Numbers"). */
export const EtherType = { Ipv4: 0x0800, Arp: 0x0806, Vlan: 0x8100, Ipv6: 0x86dd } as const;

export const BROADCAST: Uint8Array = Uint8Array.of(255, 255, 255, 255, 255, 255);

/** Is there a whole header in `b[at, end)`? */
export const check = (at: number, end: number): DropReason => (end - at < HEADER_LEN ? DropReason.PktTooSmall : DropReason.None);

export const type = (b: Uint8Array, at: number): number => u16(b, at + TYPE);
export const setType = (b: Uint8Array, at: number, v: number): void => setU16(b, at + TYPE, v);
export const dstAt = (at: number): number => at + DST;
export const srcAt = (at: number): number => at + SRC;
export const setDst = (b: Uint8Array, at: number, mac: Uint8Array, macAt = 0): void => copy(mac, macAt, b, at + DST, ADDRESS_LEN);
export const setSrc = (b: Uint8Array, at: number, mac: Uint8Array, macAt = 0): void => copy(mac, macAt, b, at + SRC, ADDRESS_LEN);
/** Group bit of the destination: broadcast or multicast. */
export const isGroup = (b: Uint8Array, at: number): boolean => (b[at]! & 1) === 1;
export const isBroadcast = (b: Uint8Array, at: number): boolean =>
  b[at] === 255 && b[at + 1] === 255 && b[at + 2] === 255 && b[at + 3] === 255 && b[at + 4] === 255 && b[at + 5] === 255;

/** Object form. Allocates: for labs, tests and printing. Addresses are six bytes. */
export interface EthernetHeader {
  dst: Uint8Array;
  src: Uint8Array;
  type: number;
}

export function encode(h: EthernetHeader, b: Uint8Array, at = 0): number {
  setDst(b, at, h.dst);
  setSrc(b, at, h.src);
  setType(b, at, h.type);
  return at + HEADER_LEN;
}

export const decode = (b: Uint8Array, at = 0): EthernetHeader => ({
  dst: b.slice(at + DST, at + DST + ADDRESS_LEN),
  src: b.slice(at + SRC, at + SRC + ADDRESS_LEN),
  type: type(b, at),
});
