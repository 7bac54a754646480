/** `-m conntrack` and `-m state`: `conntrack_mt`, `net/netfilter/xt_conntrack.c`; `xt_state.c`. */
import { Ips, IS_REPLY } from '../../../conntrack/status.ts';
import type { Packet } from '../../../packet/packet.ts';
import { CtState, type NotAddress, type NotRange } from '../../ruleset.ts';
import type { Emitter } from '../emitter.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';
import { inRange } from './ports.ts';

/** XT_CONNTRACK_STATE_BIT. */
const stateBit = (p: Packet): number => (p.ct >= 0 ? 2 << (p.ctinfo % IS_REPLY) : p.untracked ? CtState.UNTRACKED : CtState.INVALID);

/** Operands: bits. Without SNAT and DNAT. */
export const ctState = (_x: Execution, p: Packet, code: Int32Array, at: number): boolean =>
  ((stateBit(p) & code[at + 1]!) !== 0) !== ((code[at]! & NOT) !== 0);

/** The same with SNAT and DNAT, which the entry's status tells. */
export function ctStateNat(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  let bit: number = stateBit(p);
  if (p.ct >= 0) {
    const status = x.connections.status(p.ct);
    if ((status & Ips.SrcNat) !== 0) bit |= CtState.SNAT;
    if ((status & Ips.DstNat) !== 0) bit |= CtState.DNAT;
  }
  return ((bit & code[at + 1]!) !== 0) !== ((code[at]! & NOT) !== 0);
}

const Field = { OrigSrc: 0, OrigDst: 1, ReplSrc: 2, ReplDst: 3 } as const;

/**
 * A packet without entry ends the match here: with `--ctstate` it has passed already, whatever else is asked.
 * @returns 1 it passes, 0 it fails, 2 look at the entry.
 */
const withoutEntry = (p: Packet, options: number): number => (p.ct >= 0 ? 2 : (options & HAS_STATE) !== 0 ? 1 : 0);
/** Bit of the options word: the same match asks for a state. */
const HAS_STATE = 0x100;

/** Operand: reply 0 or 1 | HAS_STATE. */
export function ctDirection(_x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const options = code[at + 1]!;
  const early = withoutEntry(p, options);
  if (early !== 2) return early === 1;
  return (p.ctinfo >= IS_REPLY ? 1 : 0) === (options & 1);
}

/** Operands: field | HAS_STATE, address, mask. */
export function ctAddress(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const options = code[at + 1]!;
  const early = withoutEntry(p, options);
  if (early !== 2) return early === 1;
  const ct = p.ct;
  const c = x.connections;
  const field = options & 0xff;
  const address =
    field === Field.OrigSrc
      ? c.origSrc(ct)
      : field === Field.OrigDst
        ? c.origDst(ct)
        : field === Field.ReplSrc
          ? c.replySrc(ct)
          : c.replyDst(ct);
  return (((address ^ code[at + 2]!) & code[at + 3]!) === 0) !== ((code[at]! & NOT) !== 0);
}

/** Operands: protocol | HAS_STATE. */
export function ctProtocol(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const options = code[at + 1]!;
  const early = withoutEntry(p, options);
  if (early !== 2) return early === 1;
  return (x.connections.protocol(p.ct) === (options & 0xff)) !== ((code[at]! & NOT) !== 0);
}

/** Operands: field | HAS_STATE, range. */
export function ctPort(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const options = code[at + 1]!;
  const early = withoutEntry(p, options);
  if (early !== 2) return early === 1;
  const ct = p.ct;
  const c = x.connections;
  const field = options & 0xff;
  const port =
    field === Field.OrigSrc
      ? c.origSrcPort(ct)
      : field === Field.OrigDst
        ? c.origDstPort(ct)
        : field === Field.ReplSrc
          ? c.replySrcPort(ct)
          : c.replyDstPort(ct);
  return inRange(port, code[at + 2]!) !== ((code[at]! & NOT) !== 0);
}

/** Operands: HAS_STATE, bits. `NONE` is no bit: the kernel finds it in no entry. */
export function ctStatus(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const early = withoutEntry(p, code[at + 1]!);
  if (early !== 2) return early === 1;
  return ((x.connections.status(p.ct) & code[at + 2]!) !== 0) !== ((code[at]! & NOT) !== 0);
}

/**
 * Operands: HAS_STATE, low, high, in whole seconds. An entry that is not confirmed has no moment to expire at yet: what stands in its place
 * is long past on any machine that has been up for longer than the timeout (`nf_ct_expires`).
 */
export function ctExpire(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const early = withoutEntry(p, code[at + 1]!);
  if (early !== 2) return early === 1;
  const confirmed = (x.connections.status(p.ct) & Ips.Confirmed) !== 0;
  const seconds = confirmed ? Math.floor(x.connections.expiresMs(p.ct) / 1000) : 0;
  return (seconds >= code[at + 2]! >>> 0 && seconds <= code[at + 3]! >>> 0) !== ((code[at]! & NOT) !== 0);
}

function emitAddress(out: Emitter, field: number, has: number, a: NotAddress | undefined): void {
  if (!a) return;
  out.test(ctAddress, a.not, field | has, a.address & a.mask);
  out.operand(a.mask);
}
function emitPort(out: Emitter, field: number, has: number, r: NotRange | undefined): void {
  if (r) out.test(ctPort, r.not, field | has, r.low | (r.high << 16));
}

export const conntrack: MatchExtension<MatchOf<'conntrack'>> = {
  tests: [ctState, ctStateNat, ctDirection, ctAddress, ctProtocol, ctPort, ctStatus, ctExpire],
  emit(m, out) {
    const has = m.state ? HAS_STATE : 0;
    if (m.state) out.test(m.state.bits & (CtState.SNAT | CtState.DNAT) ? ctStateNat : ctState, m.state.not, m.state.bits);
    if (m.direction) out.test(ctDirection, false, (m.direction.reply ? 1 : 0) | has);
    emitAddress(out, Field.OrigSrc, has, m.origSrc);
    emitAddress(out, Field.OrigDst, has, m.origDst);
    emitAddress(out, Field.ReplSrc, has, m.replSrc);
    emitAddress(out, Field.ReplDst, has, m.replDst);
    if (m.protocol) out.test(ctProtocol, m.protocol.not, m.protocol.number | has);
    emitPort(out, Field.OrigSrc, has, m.origSrcPort);
    emitPort(out, Field.OrigDst, has, m.origDstPort);
    emitPort(out, Field.ReplSrc, has, m.replSrcPort);
    emitPort(out, Field.ReplDst, has, m.replDstPort);
    if (m.status) out.test(ctStatus, m.status.not, has, m.status.bits);
    if (m.expireS) {
      out.test(ctExpire, m.expireS.not, has, m.expireS.low);
      out.operand(m.expireS.high);
    }
  },
};

export const state: MatchExtension<MatchOf<'state'>> = {
  tests: [],
  emit: (m, out) => out.test(ctState, m.not, m.bits),
};
