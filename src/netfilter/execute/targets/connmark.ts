/** `-j CONNMARK`: `connmark_tg_shift`, `net/netfilter/xt_connmark.c`. A packet without entry goes on untouched. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import { CONTINUE } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

const shift = (v: number, bits: number): number => (bits > 0 ? v << bits : bits < 0 ? v >>> -bits : v) >>> 0;

/** Operands: value, mask, shift. */
function connmarkSet(x: Execution, p: Packet, code: Int32Array, at: number): number {
  if (p.ct < 0) return CONTINUE;
  const c = x.connections;
  c.setMark(p.ct, shift((c.mark(p.ct) & ~code[at + 2]!) ^ code[at + 1]!, code[at + 3]!));
  return CONTINUE;
}

/** Operands: mask of the packet's mark, of the entry's, shift. */
function connmarkSave(x: Execution, p: Packet, code: Int32Array, at: number): number {
  if (p.ct < 0) return CONTINUE;
  const c = x.connections;
  c.setMark(p.ct, ((c.mark(p.ct) & ~code[at + 2]!) ^ shift(p.mark & code[at + 1]!, code[at + 3]!)) >>> 0);
  return CONTINUE;
}
function connmarkRestore(x: Execution, p: Packet, code: Int32Array, at: number): number {
  if (p.ct < 0) return CONTINUE;
  p.mark = ((p.mark & ~code[at + 1]!) ^ shift(x.connections.mark(p.ct) & code[at + 2]!, code[at + 3]!)) >>> 0;
  return CONTINUE;
}

export const connmark: TargetExtension<TargetOf<'CONNMARK'>> = {
  acts: [connmarkSet, connmarkSave, connmarkRestore],
  emit(t, out) {
    if (t.op === 'set') out.act(connmarkSet, t.value | 0, t.ctMask | 0);
    else out.act(t.op === 'save' ? connmarkSave : connmarkRestore, t.nfMask | 0, t.ctMask | 0);
    out.operand(t.shift);
  },
};
