/** Matches on one field of the IPv4 header or of the packet: `xt_length.c`, `xt_hl.c`, `xt_dscp.c`, `xt_iprange.c`, `xt_pkttype.c`. */
import type { Packet } from '../../../packet/packet.ts';
import * as ipv4 from '../../../wire/ipv4.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';

const within = (v: number, low: number, high: number): boolean => v >>> 0 >= low >>> 0 && v >>> 0 <= high >>> 0;

/** Operands: low, high. */
export const lengthTest = (_x: Execution, p: Packet, code: Int32Array, at: number): boolean =>
  within(p.end - p.l3, code[at + 1]!, code[at + 2]!) !== ((code[at]! & NOT) !== 0);

export const length: MatchExtension<MatchOf<'length'>> = {
  tests: [lengthTest],
  emit: (m, out) => out.test(lengthTest, m.not, m.low, m.high),
};

/** Operands: lowest, highest. */
export const ttlTest = (_x: Execution, p: Packet, code: Int32Array, at: number): boolean =>
  within(ipv4.ttl(p.bytes, p.l3), code[at + 1]!, code[at + 2]!) !== ((code[at]! & NOT) !== 0);

export const ttl: MatchExtension<MatchOf<'ttl'>> = {
  tests: [ttlTest],
  emit(m, out) {
    if (m.op === 'eq') out.test(ttlTest, m.not, m.ttl, m.ttl);
    // Nothing is below 0 or above 255: the range 1..0 holds nothing.
    else if (m.op === 'lt') out.test(ttlTest, m.not, m.ttl === 0 ? 1 : 0, m.ttl === 0 ? 0 : m.ttl - 1);
    else out.test(ttlTest, m.not, m.ttl + 1, 255);
  },
};

/** Operands: value, mask. */
export const tosTest = (_x: Execution, p: Packet, code: Int32Array, at: number): boolean =>
  ((ipv4.tos(p.bytes, p.l3) & code[at + 2]!) === code[at + 1]!) !== ((code[at]! & NOT) !== 0);

export const tos: MatchExtension<MatchOf<'tos'>> = {
  tests: [tosTest],
  emit: (m, out) => out.test(tosTest, m.not, m.value, m.mask),
};

export const dscp: MatchExtension<MatchOf<'dscp'>> = {
  tests: [tosTest],
  emit: (m, out) => out.test(tosTest, m.not, m.dscp << 2, 0xfc),
};

/** Operands: first, last address. */
export const sourceRange = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  within(x.src, code[at + 1]!, code[at + 2]!) !== ((code[at]! & NOT) !== 0);
export const destinationRange = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  within(x.dst, code[at + 1]!, code[at + 2]!) !== ((code[at]! & NOT) !== 0);

export const iprange: MatchExtension<MatchOf<'iprange'>> = {
  tests: [sourceRange, destinationRange],
  emit(m, out) {
    if (m.source) out.test(sourceRange, m.source.not, m.source.low | 0, m.source.high | 0);
    if (m.destination) out.test(destinationRange, m.destination.not, m.destination.low | 0, m.destination.high | 0);
  },
};

/** Operand: type. */
export const packetType = (_x: Execution, p: Packet, code: Int32Array, at: number): boolean =>
  (p.type === code[at + 1]!) !== ((code[at]! & NOT) !== 0);

export const pkttype: MatchExtension<MatchOf<'pkttype'>> = {
  tests: [packetType],
  emit: (m, out) => out.test(packetType, m.not, m.type),
};
