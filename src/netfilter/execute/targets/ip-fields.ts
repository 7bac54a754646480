/** Targets that change one field of the IPv4 header: `xt_HL.c`, `xt_DSCP.c`. */
import type { Packet } from '../../../packet/packet.ts';
import * as ipv4 from '../../../wire/ipv4.ts';
import type { Execution } from '../execution.ts';
import { CONTINUE } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

/** Operands: what is kept of the old value (1 all, 0 nothing), what is added. Ends stay within 0..255. */
function changeTtl(_x: Execution, p: Packet, code: Int32Array, at: number): number {
  const from = ipv4.ttl(p.bytes, p.l3);
  const to = Math.max(0, Math.min(255, from * code[at + 1]! + code[at + 2]!));
  if (to !== from) ipv4.setTtl(p.bytes, p.l3, to);
  return CONTINUE;
}

/** Operands: value, mask of the bits that are cleared first. */
function changeTos(_x: Execution, p: Packet, code: Int32Array, at: number): number {
  const from = ipv4.tos(p.bytes, p.l3);
  const to = ((from & ~code[at + 2]!) ^ code[at + 1]!) & 0xff;
  if (to !== from) ipv4.setTos(p.bytes, p.l3, to);
  return CONTINUE;
}

export const ttl: TargetExtension<TargetOf<'TTL'>> = {
  acts: [changeTtl],
  emit: (t, out) => out.act(changeTtl, t.op === 'set' ? 0 : 1, t.op === 'dec' ? -t.value : t.value),
};

export const tos: TargetExtension<TargetOf<'TOS'>> = {
  acts: [changeTos],
  emit: (t, out) => out.act(changeTos, t.value, t.mask),
};

export const dscp: TargetExtension<TargetOf<'DSCP'>> = {
  acts: [changeTos],
  emit: (t, out) => out.act(changeTos, t.dscp << 2, 0xfc),
};
