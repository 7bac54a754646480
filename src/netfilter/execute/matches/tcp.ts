/** `-m tcp`: `tcp_mt`, `net/netfilter/xt_tcpudp.c`. */
import type { Packet } from '../../../packet/packet.ts';
import * as tcpHeader from '../../../wire/tcp.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';
import { asks, inRange, packRange } from './ports.ts';

const NOT_SRC = 1;
const NOT_DST = 2;

/** One exact destination port: nearly all rules of a Service. */
export function tcpDstPort(x: Execution, _p: Packet, code: Int32Array, at: number): boolean {
  if ((x.fragment !== 0 || x.transport < tcpHeader.HEADER_LEN) && !x.header(tcpHeader.HEADER_LEN, true)) return false;
  return x.dstPort === code[at + 1]!;
}

/** Without options of its own the match still wants a whole header. */
export const tcpWhole = (x: Execution): boolean => x.header(tcpHeader.HEADER_LEN, true);

/** Operands: source range, destination range, inversions. */
export function tcpPorts(x: Execution, _p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(tcpHeader.HEADER_LEN, true)) return false;
  const not = code[at + 3]!;
  return inRange(x.srcPort, code[at + 1]!) !== ((not & NOT_SRC) !== 0) && inRange(x.dstPort, code[at + 2]!) !== ((not & NOT_DST) !== 0);
}

/** Operands: mask, value. */
export function tcpFlags(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(tcpHeader.HEADER_LEN, true)) return false;
  return ((tcpHeader.flags(p.bytes, x.l4) & code[at + 1]!) === code[at + 2]!) !== ((code[at]! & NOT) !== 0);
}

/** Operand: option kind. A data offset that does not reach past the header drops the packet. */
export function tcpOption(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(tcpHeader.HEADER_LEN, true)) return false;
  const length = tcpHeader.headerLength(p.bytes, x.l4);
  if (length < tcpHeader.HEADER_LEN || length > x.transport) {
    x.hotdrop = true;
    return false;
  }
  return hasOption(p.bytes, x.l4 + tcpHeader.HEADER_LEN, x.l4 + length, code[at + 1]!) !== ((code[at]! & NOT) !== 0);
}

/** `tcp_find_option`: steps over lengths of 0 as over one byte, and asks nothing of the option's body. */
function hasOption(b: Uint8Array, at: number, end: number, kind: number): boolean {
  let i = at;
  while (i < end) {
    if (b[i] === kind) return true;
    if (b[i]! < 2) i++;
    else i += (i + 1 < end ? b[i + 1]! : 0) || 1;
  }
  return false;
}

export const tcp: MatchExtension<MatchOf<'tcp'>> = {
  tests: [tcpDstPort, tcpWhole, tcpPorts, tcpFlags, tcpOption],
  emit(m, out) {
    const { srcPort, dstPort, flags, option } = m;
    if (!asks(srcPort) && dstPort && !dstPort.not && dstPort.low === dstPort.high) {
      out.test(tcpDstPort, false, dstPort.low);
    } else if (!asks(srcPort) && !asks(dstPort)) {
      if (!flags && !option) out.test(tcpWhole, false);
    } else {
      out.test(tcpPorts, false, packRange(srcPort), packRange(dstPort));
      out.operand((srcPort?.not ? NOT_SRC : 0) | (dstPort?.not ? NOT_DST : 0));
    }
    if (flags) out.test(tcpFlags, flags.not, flags.mask, flags.value);
    if (option) out.test(tcpOption, option.not, option.number);
  },
};
