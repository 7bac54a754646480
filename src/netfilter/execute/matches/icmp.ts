/** `-m icmp`: `icmp_match`, `net/netfilter/xt_tcpudp.c` (`icmp_checkentry` in `ip_tables.c` of old). */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';

const ANY_TYPE = 255;
/** The kernel reads type, code and checksum together: eight bytes. */
const HEADER_LEN = 8;

/** Operands: type, code low | code high << 16. */
export function icmpType(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(HEADER_LEN, false)) return false;
  const type = code[at + 1]!;
  const codes = code[at + 2]!;
  const c = p.bytes[x.l4 + 1]!;
  const hit = type === ANY_TYPE || (p.bytes[x.l4] === type && c >= (codes & 0xffff) && c <= codes >>> 16);
  return hit !== ((code[at]! & NOT) !== 0);
}

export const icmp: MatchExtension<MatchOf<'icmp'>> = {
  tests: [icmpType],
  emit(m, out) {
    out.test(icmpType, m.not, m.type, m.code.low | (m.code.high << 16));
  },
};
