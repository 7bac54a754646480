/** `-m mac`: `mac_mt`, `net/netfilter/xt_mac.c`. */
import type { Packet } from '../../../packet/packet.ts';
import { i32, u16 } from '../../../wire/bytes.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';

const ETHERNET_LEN = 14;
const SOURCE = 6;

/** Operands: first two octets, last four. Without an Ethernet header it fails, `!` or not. */
export function macSource(_x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  if (p.local || p.l3 - p.start < ETHERNET_LEN) return false;
  const source = p.l3 - ETHERNET_LEN + SOURCE;
  return (u16(p.bytes, source) === code[at + 1]! && i32(p.bytes, source + 2) === code[at + 2]!) !== ((code[at]! & NOT) !== 0);
}

export const mac: MatchExtension<MatchOf<'mac'>> = {
  tests: [macSource],
  emit: ({ source, not }, out) =>
    out.test(macSource, not, (source[0]! << 8) | source[1]!, (source[2]! << 24) | (source[3]! << 16) | (source[4]! << 8) | source[5]!),
};
