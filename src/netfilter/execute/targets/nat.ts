/**
 * The targets that translate: `xt_nat.c`, `nf_nat_masquerade.c`, `nf_nat_redirect.c`, `xt_NETMAP.c`. They run for the first packet of a
 * flow and bind its entry; conntrack translates this packet and all that follow.
 */
import { Manip, RangeFlag } from '../../../conntrack/nat/range.ts';
import type { Packet } from '../../../packet/packet.ts';
import { Hook, Verdict } from '../../../packet/verdict.ts';
import type { AddressRange, Range } from '../../ruleset.ts';
import type { Emitter } from '../emitter.ts';
import type { Act, Execution } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

/** Operands of bindSource and bindDestination: flags, first and last address, first port | last port << 16, base port. */
const FLAGS = 1;
const MIN_ADDR = 2;
const MAX_ADDR = 3;
const PORTS = 4;
const BASE = 5;

function bindTo(x: Execution, p: Packet, code: Int32Array, at: number, manip: Manip): number {
  if (p.ct < 0) return Verdict.Drop;
  const ports = code[at + PORTS]!;
  return x.connections.nat.bind(
    p.ct,
    manip,
    code[at + FLAGS]!,
    code[at + MIN_ADDR]!,
    code[at + MAX_ADDR]!,
    ports & 0xffff,
    ports >>> 16,
    code[at + BASE]!,
  );
}
const bindSource: Act = (x, p, code, at) => bindTo(x, p, code, at, Manip.Src);
const bindDestination: Act = (x, p, code, at) => bindTo(x, p, code, at, Manip.Dst);

/** Operands: flags, ports. */
function bindMasquerade(x: Execution, p: Packet, code: Int32Array, at: number): number {
  if (p.ct < 0) return Verdict.Drop;
  const { nat } = x.connections;
  const address = x.env.masqueradeSource(x.oif, p.nextHop);
  // Conntrack leaves a source of 0.0.0.0 alone, so no address is needed for one.
  if (address === 0 && x.connections.origSrc(p.ct) !== 0) return Verdict.Drop;
  const ports = code[at + 2]!;
  return nat.masquerade(p.ct, x.oif, address, code[at + FLAGS]!, ports & 0xffff, ports >>> 16);
}

const LOCALHOST = 0x7f000001;
/** Operands: flags, ports. */
function bindRedirect(x: Execution, p: Packet, code: Int32Array, at: number): number {
  if (p.ct < 0) return Verdict.Drop;
  const address = x.hook === Hook.Output ? LOCALHOST : x.env.primaryAddress(x.iif);
  if (address === 0) return Verdict.Drop;
  const ports = code[at + 2]!;
  const flags = code[at + FLAGS]! | RangeFlag.MapIps;
  return x.connections.nat.bind(p.ct, Manip.Dst, flags, address, address, ports & 0xffff, ports >>> 16, 0);
}

/** Operands: address, mask. */
const bindNetmap: Act = (x, p, code, at) => (p.ct < 0 ? Verdict.Drop : x.connections.nat.netmap(p, x.hook, code[at + 1]!, code[at + 2]!));

const packPorts = (r: Range | undefined): number => (r ? r.low | (r.high << 16) : 0);
const addressFlag = (a: AddressRange | undefined): number => (a ? RangeFlag.MapIps : 0);
const portFlag = (r: Range | undefined): number => (r ? RangeFlag.ProtoSpecified : 0);

function emitRange(out: Emitter, act: Act, flags: number, a: AddressRange | undefined, ports: Range | undefined, base: number): void {
  out.act(act, flags | addressFlag(a) | portFlag(ports), a?.low ?? 0);
  out.operand(a?.high ?? 0);
  out.operand(packPorts(ports));
  out.operand(base);
}

export const dnat: TargetExtension<TargetOf<'DNAT'>> = {
  acts: [bindDestination],
  emit(t, out) {
    const flags =
      (t.random ? RangeFlag.ProtoRandom : 0) | (t.persistent ? RangeFlag.Persistent : 0) | (t.basePort ? RangeFlag.ProtoOffset : 0);
    emitRange(out, bindDestination, flags, t.addresses, t.ports, t.basePort);
  },
};

export const snat: TargetExtension<TargetOf<'SNAT'>> = {
  acts: [bindSource],
  emit(t, out) {
    const flags =
      (t.random ? RangeFlag.ProtoRandom : 0) | (t.randomFully ? RangeFlag.ProtoRandomFully : 0) | (t.persistent ? RangeFlag.Persistent : 0);
    emitRange(out, bindSource, flags, t.addresses, t.ports, 0);
  },
};

export const masquerade: TargetExtension<TargetOf<'MASQUERADE'>> = {
  acts: [bindMasquerade],
  emit(t, out) {
    const flags = (t.random ? RangeFlag.ProtoRandom : 0) | (t.randomFully ? RangeFlag.ProtoRandomFully : 0);
    out.act(bindMasquerade, flags | portFlag(t.ports), packPorts(t.ports));
  },
};

export const redirect: TargetExtension<TargetOf<'REDIRECT'>> = {
  acts: [bindRedirect],
  emit: (t, out) => out.act(bindRedirect, (t.random ? RangeFlag.ProtoRandom : 0) | portFlag(t.ports), packPorts(t.ports)),
};

export const netmap: TargetExtension<TargetOf<'NETMAP'>> = {
  acts: [bindNetmap],
  emit: (t, out) => out.act(bindNetmap, t.address & t.mask, t.mask),
};
