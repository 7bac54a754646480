/** `-m multiport`: `multiport_mt`, `net/netfilter/xt_multiport.c`. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';
import { inRange } from './ports.ts';

const SRC = 1;
const DST = 2;
/** Operands: which ports, then one word per range. */
export function multiportTest(x: Execution, _p: Packet, code: Int32Array, at: number): boolean {
  if (!x.header(4, false)) return false;
  const word = code[at]!;
  const which = code[at + 1]!;
  const not = (word & NOT) !== 0;
  const end = at + (word >>> 16);
  for (let i = at + 2; i < end; i++) {
    const range = code[i]!;
    if (((which & SRC) !== 0 && inRange(x.srcPort, range)) || ((which & DST) !== 0 && inRange(x.dstPort, range))) return !not;
  }
  return not;
}

export const multiport: MatchExtension<MatchOf<'multiport'>> = {
  tests: [multiportTest],
  emit(m, out) {
    out.test(multiportTest, m.not, m.which === 'sports' ? SRC : m.which === 'dports' ? DST : SRC | DST);
    for (const r of m.ports) out.operand(r.low | (r.high << 16));
  },
};
