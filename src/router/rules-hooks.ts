/** The rules as the path asks them: reassembly in front of PREROUTING and OUTPUT, then netfilter's stages. */
import type { Conntrack } from '../conntrack/conntrack.ts';
import { ENTRY, REPLY, SRC } from '../conntrack/layout.ts';
import type { Netfilter } from '../netfilter/netfilter.ts';
import { CtInfo, type Packet } from '../packet/packet.ts';
import { Hook, Verdict } from '../packet/verdict.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { DefragUser, type Reassembly } from './fragments.ts';
import { KnownFlows } from './known-flows.ts';
import type { Hooks } from './plane.ts';

export class RulesHooks implements Hooks {
  readonly #netfilter: Netfilter;
  readonly #conntrack: Conntrack;
  readonly #reassembly: Reassembly;
  readonly flows: KnownFlows;

  constructor(netfilter: Netfilter, conntrack: Conntrack, reassembly: Reassembly) {
    this.#netfilter = netfilter;
    this.#conntrack = conntrack;
    this.#reassembly = reassembly;
    this.flows = new KnownFlows(netfilter, conntrack);
  }

  run(hook: Hook, p: Packet): Verdict {
    if (this.#netfilter.tracks && (hook === Hook.Prerouting || hook === Hook.Output)) {
      const user = hook === Hook.Prerouting ? DefragUser.ConntrackIn : DefragUser.ConntrackOut;
      const whole = this.#reassembly.receive(p, user);
      if (whole !== Verdict.Accept) return whole;
    }
    return this.#netfilter.hook(hook, p);
  }

  /** Only the first packet of a connection owns an unconfirmed entry; an error that is attached to it does not. */
  end(p: Packet): void {
    if (p.ctinfo === CtInfo.New) this.#conntrack.drop(p);
  }

  hold(p: Packet): void {
    if (p.ct >= 0) this.#conntrack.core.hold(p.ct);
  }
  letGo(ct: number): void {
    if (ct >= 0) this.#conntrack.core.letGo(ct);
  }

  attach(answer: Packet, about: Packet): void {
    this.#conntrack.attach(answer, about);
  }

  originalSource(p: Packet): number {
    const { words } = this.#conntrack.core.table;
    if (p.ct < 0) return ipv4.src(p.bytes, p.l3);
    return words[p.ct * ENTRY + (p.ctinfo >= CtInfo.EstablishedReply ? REPLY : 0) + SRC]!;
  }

  setClosing(p: Packet): void {
    if (p.ct >= 0) this.#conntrack.setClosing(p.ct);
  }
}
