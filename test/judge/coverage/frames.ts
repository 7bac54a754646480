/** What a router did with a frame: what it rewrote, and what it said itself. */
import { u16 } from '../../../src/wire/bytes.ts';
import * as ethernet from '../../../src/wire/ethernet.ts';
import * as icmp from '../../../src/wire/icmp.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import type { Step } from '../case.ts';
import type { LinkName } from '../topology.ts';
import type { Output } from '../wires.ts';

const IP = 14;
const protocols: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };

export function* frameItems(step: Step, injected: Uint8Array | undefined, outputs: readonly Output[]): Generator<string> {
  for (const { link, frame } of outputs) {
    if (ethernet.type(frame, 0) !== ethernet.EtherType.Ipv4) continue;
    if (injected && isForwarded(frame, injected)) yield* rewritten(step, injected, frame, link);
    else yield* made(frame);
  }
}

const isForwarded = (frame: Uint8Array, injected: Uint8Array): boolean =>
  injected.length > IP + ipv4.HEADER_LEN &&
  ipv4.identification(frame, IP) === ipv4.identification(injected, IP) &&
  ipv4.protocol(frame, IP) === ipv4.protocol(injected, IP);

function* made(frame: Uint8Array): Generator<string> {
  const l4 = IP + ipv4.headerLength(frame, IP);
  if (ipv4.protocol(frame, IP) === ipv4.Protocol.Tcp) yield 'made tcp reset';
  if (ipv4.protocol(frame, IP) !== ipv4.Protocol.Icmp || ipv4.fragmentOffset(frame, IP) > 0) return;
  const type = icmp.type(frame, l4);
  yield `icmp out ${icmp.isError(type) ? `${type}/${icmp.code(frame, l4)}` : type}`;
}

function* rewritten(step: Step, injected: Uint8Array, frame: Uint8Array, link: LinkName): Generator<string> {
  const name = protocols[ipv4.protocol(frame, IP)] ?? 'other';
  const source = ipv4.src(injected, IP) !== ipv4.src(frame, IP);
  const destination = ipv4.dst(injected, IP) !== ipv4.dst(frame, IP);
  if (ipv4.isFragment(frame, IP)) yield 'made fragment';
  if (step.kind === 'error') {
    yield* errorRewritten(injected, frame, source, destination);
    return;
  }
  if (name === 'tcp' && frame.length !== injected.length) yield 'made segment of another length';
  const ports = (name === 'tcp' || name === 'udp') && !ipv4.isFragment(frame, IP) && frame.length >= IP + 24 && injected.length >= IP + 24;
  const at = (b: Uint8Array): number => IP + ipv4.headerLength(b, IP);
  const sourcePort = ports && u16(injected, at(injected)) !== u16(frame, at(frame));
  const destinationPort = ports && u16(injected, at(injected) + 2) !== u16(frame, at(frame) + 2);
  const way = step.kind === 'answer' ? 'reply' : 'original';
  if (source || destination) {
    const ends = source && destination ? 'both ends' : source ? 'source' : 'destination';
    yield `nat ${name} ${way} ${ends}`;
    if (step.kind === 'send' && step.packet.fragment) yield `nat fragment ${ends}`;
    if (step.kind === 'send' && step.link === link) yield `nat hairpin ${ends}`;
  }
  if (sourcePort) yield `nat ${name} ${way} source port`;
  if (destinationPort) yield `nat ${name} ${way} destination port`;
}

/** The packet inside is turned back as the one that caused the error was turned. */
function* errorRewritten(injected: Uint8Array, frame: Uint8Array, source: boolean, destination: boolean): Generator<string> {
  const quote = (b: Uint8Array): number => IP + ipv4.headerLength(b, IP) + icmp.HEADER_LEN;
  const a = quote(injected);
  const b = quote(frame);
  if (injected.length < a + ipv4.HEADER_LEN || frame.length < b + ipv4.HEADER_LEN) return;
  if (source) yield 'nat error source';
  if (destination) yield 'nat error destination';
  if (ipv4.src(injected, a) !== ipv4.src(frame, b)) yield 'nat error quoted source';
  if (ipv4.dst(injected, a) !== ipv4.dst(frame, b)) yield 'nat error quoted destination';
}
