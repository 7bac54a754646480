/** `-m nfacct`: `net/netfilter/xt_nfacct.c`: every packet passes and is counted under a name, across rules and chains. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';

/** Operand: counter of the object, which stands behind those of the rules. */
export function nfacctCount(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const object = x.objects + 2 * code[at + 1]!;
  x.counters[object]! += 1;
  x.counters[object + 1]! += p.end - p.l3;
  return true;
}

export const nfacct: MatchExtension<MatchOf<'nfacct'>> = {
  tests: [nfacctCount],
  stateful: true,
  emit: (m, out) => out.test(nfacctCount, false, out.accounting(m.name)),
};
