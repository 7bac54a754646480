/** `-m udp`: `udp_mt`, `net/netfilter/xt_tcpudp.c`. */
import type { Packet } from '../../../packet/packet.ts';
import * as udpHeader from '../../../wire/udp.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { asks, inRange, packRange } from './ports.ts';

const NOT_SRC = 1;
const NOT_DST = 2;

export function udpDstPort(x: Execution, _p: Packet, code: Int32Array, at: number): boolean {
  if ((x.fragment !== 0 || x.transport < udpHeader.HEADER_LEN) && !x.header(udpHeader.HEADER_LEN, false)) return false;
  return x.dstPort === code[at + 1]!;
}

/** Without options the match still wants a whole header. */
export const udpWhole = (x: Execution): boolean => x.header(udpHeader.HEADER_LEN, false);

/** Operands: source range, destination range, inversions. */
export function udpPorts(x: Execution, _p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(udpHeader.HEADER_LEN, false)) return false;
  const not = code[at + 3]!;
  return inRange(x.srcPort, code[at + 1]!) !== ((not & NOT_SRC) !== 0) && inRange(x.dstPort, code[at + 2]!) !== ((not & NOT_DST) !== 0);
}

export const udp: MatchExtension<MatchOf<'udp'>> = {
  tests: [udpDstPort, udpWhole, udpPorts],
  emit(m, out) {
    const { srcPort, dstPort } = m;
    if (!asks(srcPort) && dstPort && !dstPort.not && dstPort.low === dstPort.high) {
      out.test(udpDstPort, false, dstPort.low);
    } else if (!asks(srcPort) && !asks(dstPort)) {
      out.test(udpWhole, false);
    } else {
      out.test(udpPorts, false, packRange(srcPort), packRange(dstPort));
      out.operand((srcPort?.not ? NOT_SRC : 0) | (dstPort?.not ? NOT_DST : 0));
    }
  },
};
