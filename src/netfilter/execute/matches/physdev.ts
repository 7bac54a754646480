/** `-m physdev`: `physdev_mt`, `net/netfilter/xt_physdev.c`: the bridge ports of a packet that a bridge hands to netfilter. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';

const IN = 1;
const OUT = 2;
const BRIDGED = 4;
const IS_IN = 8;
const IS_OUT = 16;
const INVERT_SHIFT = 8;

/** Operands: which options, the inverted ones shifted left; in-pattern, out-pattern. */
export function physdevTest(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const options = code[at + 1]! & 0xff;
  const inverted = code[at + 1]! >> INVERT_SHIFT;
  // Not bridged: what is asked without `!` fails.
  if (p.physIn === 0 && p.physOut === 0) return (options & ~inverted) === 0;
  if ((options & BRIDGED) !== 0 && (p.physOut !== 0) === ((inverted & BRIDGED) !== 0)) return false;
  if ((options & IS_IN) !== 0 && (p.physIn !== 0) === ((inverted & IS_IN) !== 0)) return false;
  if ((options & IS_OUT) !== 0 && (p.physOut !== 0) === ((inverted & IS_OUT) !== 0)) return false;
  if ((options & IN) !== 0 && p.physIn !== 0) {
    const hit = x.interfaces[code[at + 2]! * x.interfaceIds + p.physIn] === 1;
    if (hit === ((inverted & IN) !== 0)) return false;
  }
  if ((options & OUT) === 0) return true;
  const hit = p.physOut !== 0 && x.interfaces[code[at + 3]! * x.interfaceIds + p.physOut] === 1;
  return hit !== ((inverted & OUT) !== 0);
}

export const physdev: MatchExtension<MatchOf<'physdev'>> = {
  tests: [physdevTest],
  emit(m, out) {
    let options = 0;
    const asked = (bit: number, o: { readonly not: boolean } | undefined): void => {
      if (o) options |= bit | (o.not ? bit << INVERT_SHIFT : 0);
    };
    asked(IN, m.in);
    asked(OUT, m.out);
    asked(BRIDGED, m.isBridged);
    asked(IS_IN, m.isIn);
    asked(IS_OUT, m.isOut);
    out.test(physdevTest, false, options, m.in ? out.interface(m.in) : 0);
    out.operand(m.out ? out.interface(m.out) : 0);
  },
};
