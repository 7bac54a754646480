/** `-m mark` and `-m connmark`: `xt_mark.c`, `xt_connmark.c`. */
import type { Packet } from '../../../packet/packet.ts';
import type { MarkMatch } from '../../ruleset.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension } from '../extension.ts';
import { NOT } from '../program.ts';

/** Operands: value, mask. */
export const markTest = (_x: Execution, p: Packet, code: Int32Array, at: number): boolean =>
  ((p.mark & code[at + 2]!) === code[at + 1]!) !== ((code[at]! & NOT) !== 0);

/** A packet without entry fails, `!` or not. */
export const connmarkTest = (x: Execution, p: Packet, code: Int32Array, at: number): boolean =>
  p.ct >= 0 && ((x.connections.mark(p.ct) & code[at + 2]!) === code[at + 1]!) !== ((code[at]! & NOT) !== 0);

export const mark: MatchExtension<MarkMatch> = {
  tests: [markTest, connmarkTest],
  emit: (m, out) => out.test(m.kind === 'mark' ? markTest : connmarkTest, m.not, m.value | 0, m.mask | 0),
};
