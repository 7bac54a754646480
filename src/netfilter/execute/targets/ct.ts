/** `-j CT` and `-j NOTRACK`: `xt_ct_target`, `net/netfilter/xt_CT.c`: what conntrack, next in line, makes of the packet. */
import { CtInfo, type Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import { CONTINUE } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

/** The first of these targets decides. */
const decided = (p: Packet): boolean => p.ct >= 0 || p.ctinfo !== CtInfo.None || p.untracked || p.zone !== 0;

function noTrack(_x: Execution, p: Packet): number {
  if (!decided(p)) p.untracked = true;
  return CONTINUE;
}

/** Operands: zone id, or -1 for the packet's mark; directions as in `Packet.zone`. */
function chooseZone(_x: Execution, p: Packet, code: Int32Array, at: number): number {
  if (!decided(p)) p.zone = ((code[at + 1]! < 0 ? p.mark : code[at + 1]!) & 0xffff) | (code[at + 2]! << 16);
  return CONTINUE;
}

/** `ctevents` alone: nothing of the packet's changes. */
const keep = (): number => CONTINUE;

const directions = { orig: 1, reply: 2, both: 3 } as const;
export const ct: TargetExtension<TargetOf<'CT'>> = {
  acts: [noTrack, chooseZone, keep],
  unsupported: t =>
    t.helper !== undefined ? 'CT --helper cannot be executed' : t.timeout !== undefined ? 'CT --timeout cannot be executed' : undefined,
  emit(t, out) {
    if (t.notrack) out.act(noTrack);
    else if (t.zone) out.act(chooseZone, t.zone.id === 'mark' ? -1 : t.zone.id, directions[t.zone.direction]);
    else out.act(keep);
  },
};

export const notrack: TargetExtension<TargetOf<'NOTRACK'>> = {
  acts: [noTrack],
  emit: (_t, out) => out.act(noTrack),
};
