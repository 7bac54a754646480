/**
 * VXLAN header (RFC 7348 section 5), read and written in place. `at` is the offset of the flags.
 *
 *     |R|R|R|R|I|R|R|R|            reserved             |  0
 *     |        VXLAN network identifier      | reserved |  4
 */
import { DropReason } from '../base/drop-reason.ts';
import { setU32, u32 } from './bytes.ts';

export const HEADER_LEN = 8;
/** Outer Ethernet is not counted: 20 IPv4 + 8 UDP + 8 VXLAN + 14 inner Ethernet. */
export const OVERHEAD = 50;
export const IANA_PORT = 4789;
/** Default of the Linux driver, and so of flannel. */
export const LINUX_PORT = 8472;
const I_FLAG = 0x0800_0000;

/**
 * Is there a header with the I flag, and no flag or reserved field that the receiver does not know? RFC 7348 has reserved fields
 * ignored on receipt; Linux drops the packet when any is set (`vxlan_rcv`, `drivers/net/vxlan/vxlan_core.c`), and the kernel is the judge.
 */
export function check(b: Uint8Array, at: number, end: number): DropReason {
  if (end - at < HEADER_LEN) return DropReason.PktTooSmall;
  return u32(b, at) === I_FLAG && b[at + 7] === 0 ? DropReason.None : DropReason.VxlanInvalidHdr;
}

/** 24 bits. */
export const vni = (b: Uint8Array, at: number): number => u32(b, at + 4) >>> 8;

export function write(b: Uint8Array, at: number, networkId: number): void {
  setU32(b, at, I_FLAG);
  setU32(b, at + 4, networkId << 8);
}

/** Object form, for labs, tests and printing. */
export interface VxlanHeader {
  vni: number;
}

export function encode(h: VxlanHeader, b: Uint8Array, at = 0): number {
  write(b, at, h.vni);
  return at + HEADER_LEN;
}

export const decode = (b: Uint8Array, at = 0): VxlanHeader => ({ vni: vni(b, at) });
