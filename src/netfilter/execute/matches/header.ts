/** The tests of the rule itself, before any extension: `ip_packet_match`, `net/ipv4/netfilter/ip_tables.c`. */
import type { Packet } from '../../../packet/packet.ts';
import type { Rule } from '../../ruleset.ts';
import type { Emitter } from '../emitter.ts';
import type { Execution } from '../execution.ts';
import { NOT } from '../program.ts';

export const source = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (((x.src ^ code[at + 1]!) & code[at + 2]!) === 0) !== ((code[at]! & NOT) !== 0);

export const destination = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (((x.dst ^ code[at + 1]!) & code[at + 2]!) === 0) !== ((code[at]! & NOT) !== 0);

/** A whole address: nearly all rules of a Service. */
export const sourceIs = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean => x.src === code[at + 1]!;
export const destinationIs = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean => x.dst === code[at + 1]!;

export const inInterface = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (x.interfaces[code[at + 1]! * x.interfaceIds + x.iif] === 1) !== ((code[at]! & NOT) !== 0);

export const outInterface = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (x.interfaces[code[at + 1]! * x.interfaceIds + x.oif] === 1) !== ((code[at]! & NOT) !== 0);

export const protocol = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (x.protocol === code[at + 1]!) !== ((code[at]! & NOT) !== 0);

/** `-f`: second and further fragments. */
export const fragment = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (x.fragment !== 0) !== ((code[at]! & NOT) !== 0);

/** A rule that was kept though it cannot be executed. */
export const never = (_x: Execution, _p: Packet, _code: Int32Array, _at: number): boolean => false;

export const tests = [source, destination, sourceIs, destinationIs, inInterface, outInterface, protocol, fragment, never];

/** In the kernel's order. */
export function emitHeader(rule: Rule, out: Emitter): void {
  const s = rule.source;
  if (s && s.mask === -1 && !s.not) out.test(sourceIs, false, s.address);
  else if (s && (s.mask !== 0 || s.not)) out.test(source, s.not, s.address & s.mask, s.mask);
  const d = rule.destination;
  if (d && d.mask === -1 && !d.not) out.test(destinationIs, false, d.address);
  else if (d && (d.mask !== 0 || d.not)) out.test(destination, d.not, d.address & d.mask, d.mask);
  if (rule.inInterface) out.test(inInterface, rule.inInterface.not, out.interface(rule.inInterface));
  if (rule.outInterface) out.test(outInterface, rule.outInterface.not, out.interface(rule.outInterface));
  if (rule.protocol && rule.protocol.number !== 0) out.test(protocol, rule.protocol.not, rule.protocol.number);
  if (rule.fragment) out.test(fragment, rule.fragment.not);
}
