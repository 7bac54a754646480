/** What a rule wants exactly, so that a packet which lacks it cannot match. Cold side. */
import type { Match, Range, Rule } from '../../ruleset.ts';
import { matchExtension } from '../matches/table.ts';
import { Field } from './layout.ts';

/** Ports of a range or a list that are worth a place each in the hash. */
const MAX_PORTS = 16;

/** `srcPorts` and `dstPorts`: any of them will do; undefined: any port. The same for interfaces, by pattern number. */
export interface RuleShape {
  readonly src: number;
  readonly srcMask: number;
  readonly dst: number;
  readonly dstMask: number;
  readonly protocol: number | undefined;
  readonly srcPorts: readonly number[] | undefined;
  readonly dstPorts: readonly number[] | undefined;
  readonly in: number | undefined;
  readonly out: number | undefined;
}

/** @param interfaceNumber number of the pattern without `+` in the program */
export function shapeOf(rule: Rule, interfaceNumber: (name: string) => number): RuleShape {
  const { source, destination, inInterface, outInterface, protocol } = rule;
  const exactIn = inInterface && !inInterface.not && !inInterface.prefix;
  const exactOut = outInterface && !outInterface.not && !outInterface.prefix;
  const ports = portsOf(rule);
  return {
    src: source && !source.not ? source.address & source.mask : 0,
    srcMask: source && !source.not ? source.mask : 0,
    dst: destination && !destination.not ? destination.address & destination.mask : 0,
    dstMask: destination && !destination.not ? destination.mask : 0,
    protocol: protocol && !protocol.not && protocol.number !== 0 ? protocol.number : undefined,
    srcPorts: ports.src,
    dstPorts: ports.dst,
    in: exactIn ? interfaceNumber(inInterface.name) : undefined,
    out: exactOut ? interfaceNumber(outInterface.name) : undefined,
  };
}

export function fieldsOf(s: RuleShape): number {
  return (
    (s.protocol !== undefined ? Field.Protocol : 0) |
    (s.srcPorts ? Field.SrcPort : 0) |
    (s.dstPorts ? Field.DstPort : 0) |
    (s.in !== undefined ? Field.In : 0) |
    (s.out !== undefined ? Field.Out : 0)
  );
}

/** Ports that are asked for before anything is tried that changes something or may drop the packet by itself. */
function portsOf(rule: Rule): { src: readonly number[] | undefined; dst: readonly number[] | undefined } {
  let src: readonly number[] | undefined;
  let dst: readonly number[] | undefined;
  for (const m of rule.matches) {
    if (matchExtension(m)?.stateful) break;
    if (m.kind === 'tcp' || m.kind === 'udp' || m.kind === 'sctp') {
      if (m.srcPort && !m.srcPort.not) src ??= listed([m.srcPort]);
      if (m.dstPort && !m.dstPort.not) dst ??= listed([m.dstPort]);
    } else if (m.kind === 'multiport' && !m.not) {
      if (m.which === 'sports') src ??= listed(m.ports);
      else if (m.which === 'dports') dst ??= listed(m.ports);
    }
    if (mayDrop(m)) break;
  }
  return { src, dst };
}

/** Does the match drop packets whose options or chunks are broken? A packet without a whole header is walked without the index. */
const mayDrop = (m: Match): boolean =>
  m.kind === 'tcpmss' || (m.kind === 'tcp' && m.option !== undefined) || (m.kind === 'sctp' && m.chunkTypes !== undefined);

function listed(ranges: readonly Range[]): readonly number[] | undefined {
  const ports = new Set<number>();
  for (const { low, high } of ranges) {
    if (high - low >= MAX_PORTS) return undefined;
    for (let port = low; port <= high; port++) ports.add(port);
  }
  return ports.size <= MAX_PORTS ? [...ports] : undefined;
}
