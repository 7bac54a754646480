/** How a walk ends: where the packet went or why it did not, what it looks like then, and what its flow is translated to. */
import { formatIpv4 } from '../base/address.ts';
import { DropReason, dropReasonName } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import type { RouterTracer } from '../packet/tracer.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Doubts } from './doubts.ts';
import { endpointText, hasPorts, type Unknowns } from './fields.ts';
import type { WalkNode } from './node.ts';
import { reasonWords } from './reasons.ts';
import type { Recorder } from './recorder.ts';
import type { Flow, Outcome, PacketFields } from './story.ts';

export interface EndingParts {
  readonly recorder: Recorder;
  readonly node: WalkNode;
  readonly unknowns: Unknowns;
  readonly doubts: Doubts;
}

/** The router tells it of drops. */
export class Ending implements RouterTracer {
  readonly #o: EndingParts;
  #outcome: Omit<Outcome, 'packet'> | undefined;
  #last: PacketFields | undefined;
  #flow: Flow | undefined;

  constructor(parts: EndingParts) {
    this.#o = parts;
  }

  /** Another packet is next. */
  begin(): void {
    this.#outcome = undefined;
    this.#last = undefined;
    this.#flow = undefined;
  }

  tells(): boolean {
    return true;
  }
  arrive(): void {}
  depart(): void {}
  passed(p: Packet): void {
    if (p === this.#o.recorder.packet) this.#last = this.#o.unknowns.fields(p);
  }

  drop(p: Packet): void {
    const { recorder, unknowns } = this.#o;
    if (p !== recorder.packet) {
      if (recorder.packet !== null) this.answer(p, false);
      return;
    }
    const byRules = p.reason === DropReason.NetfilterDrop || p.reason === DropReason.NetfilterReject;
    const reason = dropReasonName(p.reason);
    if (!byRules) recorder.tell({ event: 'dropped', reason, why: reasonWords(p.reason, formatIpv4(ipv4.dst(p.bytes, p.l3))) });
    this.#last = unknowns.fields(p);
    this.#outcome = {
      verdict: p.reason === DropReason.NetfilterReject ? 'REJECT' : 'DROP',
      fate: 'dropped',
      out: null,
      nextHop: null,
      reason,
      by: byRules ? (recorder.lastVerdict ?? reasonWords(p.reason, '')) : reasonWords(p.reason, formatIpv4(ipv4.dst(p.bytes, p.l3))),
    };
  }

  /** Reassembly keeps it. */
  held(): void {
    this.#outcome = { verdict: 'HELD', fate: 'held', out: null, nextHop: null, by: 'a fragment: it waits for the others' };
  }

  /** It has passed the last hook: it leaves, or comes to the node's sockets. */
  reached(p: Packet, leaves: boolean): void {
    const { recorder, doubts, unknowns } = this.#o;
    const unknown = doubts.isUnknown(p.oif);
    this.#outcome = {
      verdict: 'ACCEPT',
      fate: leaves ? (p.local ? 'sent' : 'forwarded') : 'delivered',
      out: leaves && !unknown ? recorder.nameOf(p.oif) : null,
      nextHop: leaves && !unknown ? formatIpv4(p.nextHop) : null,
    };
    this.#last = unknowns.fields(p);
    this.#flow = this.#flowOf(p);
  }

  /** A packet that the node made on account of this one. */
  answer(p: Packet, sent: boolean): void {
    const { recorder, doubts, unknowns } = this.#o;
    if (recorder.packet === null) return;
    recorder.tell({ event: 'answer', packet: unknowns.fields(p), out: doubts.isUnknown(p.oif) ? null : recorder.nameOf(p.oif), sent });
  }

  translated(before: PacketFields, after: PacketFields): void {
    for (const side of ['destination', 'source'] as const)
      if (endpointText(before[side]) !== endpointText(after[side]))
        this.#o.recorder.tell({ event: 'translated', side, from: before[side], to: after[side] });
  }

  told(p: Packet, first: PacketFields): { outcome: Outcome; flow?: Flow } {
    const outcome = this.#outcome ?? { verdict: 'HELD', fate: 'held', out: null, nextHop: null };
    return {
      outcome: { ...outcome, packet: this.#last ?? (p.bytes.length > 0 ? this.#o.unknowns.fields(p) : first) },
      ...(this.#flow && { flow: this.#flow }),
    };
  }

  #flowOf(p: Packet): Flow | undefined {
    if (p.ct < 0) return undefined;
    const { node, unknowns } = this.#o;
    const c = node.conntrack;
    const ports = hasPorts(c.protocol(p.ct));
    const end = (address: number, port: number) => unknowns.endpoint(address, ports ? port : undefined);
    return {
      original: { source: end(c.origSrc(p.ct), c.origSrcPort(p.ct)), destination: end(c.origDst(p.ct), c.origDstPort(p.ct)) },
      reply: { source: end(c.replySrc(p.ct), c.replySrcPort(p.ct)), destination: end(c.replyDst(p.ct), c.replyDstPort(p.ct)) },
    };
  }
}
