/** `-m rpfilter`: `rpfilter_mt`, `net/ipv4/netfilter/ipt_rpfilter.c`. The router looks the source up. */
import { isMulticast, LIMITED_BROADCAST } from '../../../base/address.ts';
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';

const LOOSE = 1;
const VALID_MARK = 2;
const ACCEPT_LOCAL = 4;
const INVERT = 8;

/** Operand: options. */
export function rpfilterTest(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const options = code[at + 1]!;
  const invert = (options & INVERT) !== 0;
  // A host that has no address yet asks for one.
  if (x.src === 0 && (x.dst === LIMITED_BROADCAST || (isMulticast(x.dst) && x.dst >>> 8 === 0xe00000))) return !invert;
  const mark = (options & VALID_MARK) !== 0 ? p.mark : 0;
  return x.env.reversePath(p, (options & LOOSE) !== 0, mark, (options & ACCEPT_LOCAL) !== 0) !== invert;
}

export const rpfilter: MatchExtension<MatchOf<'rpfilter'>> = {
  tests: [rpfilterTest],
  emit: (m, out) =>
    out.test(
      rpfilterTest,
      false,
      (m.loose ? LOOSE : 0) | (m.validmark ? VALID_MARK : 0) | (m.acceptLocal ? ACCEPT_LOCAL : 0) | (m.invert ? INVERT : 0),
    ),
};
