/** `-m addrtype`: `addrtype_mt_v1`, `net/netfilter/xt_addrtype.c`. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';

const NOT_SRC = 1;
const NOT_DST = 2;
const LIMIT_IN = 4;
const LIMIT_OUT = 8;

/** Operands: source types | destination types << 16 (0: not asked), options. */
export function addressTypes(x: Execution, _p: Packet, code: Int32Array, at: number): boolean {
  const options = code[at + 2]!;
  const iface = (options & LIMIT_IN) !== 0 ? x.iif : (options & LIMIT_OUT) !== 0 ? x.oif : 0;
  const types = code[at + 1]!;
  const source = types & 0xffff;
  if (source !== 0 && ((source >> x.env.addressType(x.src, iface)) & 1) === (options & NOT_SRC ? 1 : 0)) return false;
  const destination = types >>> 16;
  return destination === 0 || ((destination >> x.env.addressType(x.dst, iface)) & 1) !== (options & NOT_DST ? 1 : 0);
}

export const addrtype: MatchExtension<MatchOf<'addrtype'>> = {
  tests: [addressTypes],
  refuse: m => (m.limitIn && m.limitOut ? '--limit-iface-in and --limit-iface-out exclude each other' : undefined),
  emit(m, out) {
    out.test(addressTypes, false, (m.source?.types ?? 0) | ((m.destination?.types ?? 0) << 16));
    out.operand(
      (m.source?.not ? NOT_SRC : 0) | (m.destination?.not ? NOT_DST : 0) | (m.limitIn ? LIMIT_IN : 0) | (m.limitOut ? LIMIT_OUT : 0),
    );
  },
};
