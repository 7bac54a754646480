/** `-m tcpmss`: `tcpmss_mt`, `net/netfilter/xt_tcpmss.c`. */
import type { Packet } from '../../../packet/packet.ts';
import { u16 } from '../../../wire/bytes.ts';
import * as tcpHeader from '../../../wire/tcp.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';

const OPTION_LEN = 4;

/** Operands: low, high. A SYN without the option fails, inverted or not as `!` says. */
export function mssTest(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const not = (code[at]! & NOT) !== 0;
  const length = x.transport >= tcpHeader.HEADER_LEN ? tcpHeader.headerLength(p.bytes, x.l4) : 0;
  if (length < tcpHeader.HEADER_LEN || length > x.transport) {
    x.hotdrop = true;
    return false;
  }
  const mss = findMss(p.bytes, x.l4 + tcpHeader.HEADER_LEN, x.l4 + length);
  if (mss < 0) return not;
  return (mss >= code[at + 1]! && mss <= code[at + 2]!) !== not;
}

function findMss(b: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    if (b[i] === tcpHeader.Option.Mss && end - i >= OPTION_LEN && b[i + 1] === OPTION_LEN) return u16(b, i + 2);
    i += b[i]! < 2 ? 1 : (i + 1 < end ? b[i + 1]! : 0) || 1;
  }
  return -1;
}

export const tcpmss: MatchExtension<MatchOf<'tcpmss'>> = {
  tests: [mssTest],
  emit: (m, out) => out.test(mssTest, m.not, m.low, m.high),
};
