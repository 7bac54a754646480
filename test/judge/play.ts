/** Plays a case on one side: each step's frame, made from what came out on that side before, and what came out of it. */
import { formatIpv4 } from '../../src/base/address.ts';
import { u16 } from '../../src/wire/bytes.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import * as icmp from '../../src/wire/icmp.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { type Case, isSending, type Sending, type Step } from './case.ts';
import { tcpItem, tcpTuple } from './coverage/tcp.ts';
import { isOfItsKind } from './normalise.ts';
import { frameOf, type PacketSpec } from './packet-spec.ts';
import type { Side } from './sides.ts';
import { type LinkName, links } from './topology.ts';
import type { Output } from './wires.ts';

export interface Played {
  /** Per step; empty for steps that send nothing. */
  outputs: Output[][];
  /** The injected frame of each step, undefined where none was. */
  frames: (Uint8Array | undefined)[];
  /** Where each was injected. */
  links: (LinkName | undefined)[];
}

/** Looks on while a side plays. */
export interface Observer {
  looksAtState(step: Step): boolean;
  hit(item: string): void;
}

/**
 * @param firstId identification of the first packet. Every play has its own: fragments that wait from an earlier one are not this one's.
 */
export async function play(side: Side, c: Case, firstId: number, observer?: Observer): Promise<Played> {
  const played: Played = { outputs: [], frames: [], links: [] };
  for (const [i, step] of c.steps.entries()) {
    if (!isSending(step)) {
      played.outputs.push(await turn(side, c, step));
      played.frames.push(undefined);
      played.links.push(undefined);
      continue;
    }
    const made = makeFrame(c, step, (firstId + idOf(c.steps, i)) & 0xffff, played);
    played.frames.push(made?.frame);
    if (made && observer?.looksAtState(step)) lookAtState(side, made.frame, observer);
    played.links.push(made?.link);
    played.outputs.push(made ? side.inject(made.link, made.frame) : []);
  }
  return played;
}

/** What is done between packets. @returns what came out meanwhile */
async function turn(side: Side, c: Case, step: Exclude<Step, Sending>): Promise<Output[]> {
  switch (step.kind) {
    case 'wait':
      return side.wait(step.seconds);
    case 'sysctl':
      await side.sysctl(step.name, step.value);
      return [];
    case 'load':
      await side.load(`${step.rules.join('\n')}\n`, c.sets ?? []);
      return [];
    case 'conntrack':
      await side.conntrack(step.args);
      return [];
  }
}

function lookAtState(side: Side, frame: Uint8Array, observer: Observer): void {
  const tuple = tcpTuple(frame);
  if (tuple && side.connection) observer.hit(tcpItem(frame, tuple, side.connection(tuple, ipv4.Protocol.Tcp)));
}

/** Fragments of one datagram share an identification: `send` steps with `fragment` of one set and the same packet. */
function idOf(steps: readonly Step[], at: number): number {
  const step = steps[at]!;
  if (step.kind !== 'send' || !step.packet.fragment) return at;
  const key = (s: Step): string =>
    s.kind === 'send' ? JSON.stringify({ ...s.packet, fragment: s.packet.fragment?.set ?? null, fault: null }) : '';
  const mine = key(step);
  for (let i = 0; i < at; i++) {
    const other = steps[i]!;
    if (other.kind === 'send' && other.packet.fragment && key(other) === mine) return i;
  }
  return at;
}

function makeFrame(c: Case, step: Sending, id: number, played: Played): { link: LinkName; frame: Uint8Array } | null {
  if (step.kind === 'send') return { link: step.link, frame: frameOf(step.packet, step.link, id) };
  const target = step.kind === 'answer' ? step.to : step.about;
  const output = played.outputs[target]?.find(o => isForwarded(o, played.frames[target]));
  const original = c.steps[target]!;
  const seen = output?.frame ?? played.frames[target];
  if (!seen || ethernet.type(seen, 0) !== ethernet.EtherType.Ipv4) return null;
  const link = output?.link ?? linkTowards(ipv4.dst(seen, 14)) ?? (original.kind === 'send' ? original.link : 'b');
  const l4 = 14 + ipv4.headerLength(seen, 14);
  const turned = { src: formatIpv4(ipv4.dst(seen, 14)), dst: formatIpv4(ipv4.src(seen, 14)) };
  if (step.kind === 'error') {
    const quote = seen.slice(14, 14 + (step.quote ?? ipv4.headerLength(seen, 14) + 8));
    const spec: PacketSpec = {
      protocol: 'icmp',
      ...turned,
      ...(step.from ? { src: step.from } : {}),
      type: step.type,
      code: step.code,
      rest: step.rest ?? 0,
    };
    return { link, frame: frameOf(spec, link, id, quote) };
  }
  const protocol = ipv4.protocol(seen, 14);
  const ports =
    protocol === ipv4.Protocol.Icmp
      ? { rest: (icmp.id(seen, l4) << 16) | icmp.sequence(seen, l4) }
      : seen.length >= l4 + 4
        ? { sport: u16(seen, l4 + 2), dport: u16(seen, l4) }
        : {};
  const base = original.kind === 'send' ? original.packet.protocol : 'udp';
  return { link, frame: frameOf({ protocol: base, ...turned, ...ports, ...step.packet }, link, id) };
}

/** The packet itself, not an answer of the router, which has its identification only by chance. */
const isForwarded = (o: Output, injected: Uint8Array | undefined): boolean =>
  injected !== undefined &&
  ethernet.type(o.frame, 0) === ethernet.EtherType.Ipv4 &&
  ipv4.identification(o.frame, 14) === ipv4.identification(injected, 14) &&
  isOfItsKind(o.frame, injected);

function linkTowards(dst: number): LinkName | undefined {
  return links.find(l => dst >>> 8 === ((10 << 16) | l.net))?.name;
}
