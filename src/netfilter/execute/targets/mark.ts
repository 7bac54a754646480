/** `-j MARK`: `mark_tg`, `net/netfilter/xt_mark.c`. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import { CONTINUE } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

/** Operands: value, mask of the bits that are cleared first. */
function setMark(_x: Execution, p: Packet, code: Int32Array, at: number): number {
  p.mark = ((p.mark & ~code[at + 2]!) ^ code[at + 1]!) >>> 0;
  return CONTINUE;
}

export const mark: TargetExtension<TargetOf<'MARK'>> = {
  acts: [setMark],
  emit: (t, out) => out.act(setMark, t.value | 0, t.mask | 0),
};
