/** Targets that note something about the packet and let it go on: LOG, NFLOG, TRACE, CLASSIFY. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import { CONTINUE } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

/** Operand: the rule's counter, by which the cold side knows its prefix. */
function logPacket(x: Execution, p: Packet, code: Int32Array, at: number): number {
  x.env.log(p, x.hook, code[at + 1]!);
  return CONTINUE;
}

function tracePacket(_x: Execution, p: Packet): number {
  p.traced = true;
  return CONTINUE;
}

/** Operand: class. */
function classify(_x: Execution, p: Packet, code: Int32Array, at: number): number {
  p.priority = code[at + 1]! >>> 0;
  return CONTINUE;
}

export const log: TargetExtension<TargetOf<'LOG'>> = { acts: [logPacket], emit: (_t, out) => out.act(logPacket, out.counter) };
export const nflog: TargetExtension<TargetOf<'NFLOG'>> = { acts: [logPacket], emit: (_t, out) => out.act(logPacket, out.counter) };

export const trace: TargetExtension<TargetOf<'TRACE'>> = {
  acts: [tracePacket],
  emit: (_t, out) => out.act(tracePacket),
};

export const classifyTarget: TargetExtension<TargetOf<'CLASSIFY'>> = {
  acts: [classify],
  emit: (t, out) => out.act(classify, t.classId | 0),
};
