/** `-j REJECT`: `reject_tg`, `net/ipv4/netfilter/ipt_REJECT.c`. The router makes the answer. */
import { DropReason } from '../../../base/drop-reason.ts';
import type { Packet } from '../../../packet/packet.ts';
import { Verdict } from '../../../packet/verdict.ts';
import { Protocol } from '../../../wire/ipv4.ts';
import { rejectTypes } from '../../ruleset.ts';
import type { Execution } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

/** Operand: index into `rejectTypes`. */
function rejectPacket(x: Execution, p: Packet, code: Int32Array, at: number): number {
  x.env.reject(p, x.hook, code[at + 1]!);
  p.reason = DropReason.NetfilterReject;
  return Verdict.Drop;
}

export const reject: TargetExtension<TargetOf<'REJECT'>> = {
  acts: [rejectPacket],
  refuse: (t, { protocol }) =>
    t.with === 'tcp-reset' && (protocol?.number !== Protocol.Tcp || protocol.not)
      ? 'REJECT --reject-with tcp-reset wants -p tcp'
      : undefined,
  emit: (t, out) => out.act(rejectPacket, rejectTypes.indexOf(t.with)),
};
