/** `-j REJECT`: `reject_tg`, `net/ipv4/netfilter/ipt_REJECT.c`. The router makes the answer. */
import { DropReason } from '../../../base/drop-reason.ts';
import type { Packet } from '../../../packet/packet.ts';
import { Hook, Verdict } from '../../../packet/verdict.ts';
import { rejectTypes } from '../../ruleset.ts';
import type { Execution } from '../execution.ts';
import { only, type TargetExtension, type TargetOf } from '../extension.ts';

/** Operand: index into `rejectTypes`. */
function rejectPacket(x: Execution, p: Packet, code: Int32Array, at: number): number {
  x.env.reject(p, x.hook, code[at + 1]!);
  p.reason = DropReason.NetfilterReject;
  return Verdict.Drop;
}

export const reject: TargetExtension<TargetOf<'REJECT'>> = {
  acts: [rejectPacket],
  refuse(t, place) {
    if (place.table !== 'filter') return 'REJECT stands only in table filter';
    if (!only(place, Hook.Input, Hook.Forward, Hook.Output)) return 'REJECT is reached only from INPUT, FORWARD and OUTPUT';
    const { protocol } = place.rule;
    if (t.with === 'tcp-reset' && !(protocol?.number === 6 && !protocol.not)) return 'REJECT --reject-with tcp-reset needs -p tcp';
    return undefined;
  },
  emit: (t, out) => out.act(rejectPacket, rejectTypes.indexOf(t.with)),
};
