/** Tells several tracers the same: a lab's own capture, and those that somebody looks at meanwhile. */
import type { Packet } from './packet.ts';
import type { Tracer } from './tracer.ts';

export class TeeTracer implements Tracer {
  readonly #tracers: readonly Tracer[];

  constructor(tracers: readonly Tracer[]) {
    this.#tracers = tracers;
  }

  /** Every one is asked, also behind one that says yes: each decides when it meets the packet first. */
  tells(p: Packet): boolean {
    let tells = false;
    for (const t of this.#tracers) if (t.tells(p)) tells = true;
    return tells;
  }
  arrive(p: Packet): void {
    for (const t of this.#tracers) t.arrive(p);
  }
  depart(p: Packet): void {
    for (const t of this.#tracers) t.depart(p);
  }
  passed(p: Packet, hook: number): void {
    for (const t of this.#tracers) t.passed(p, hook);
  }
  drop(p: Packet): void {
    for (const t of this.#tracers) t.drop(p);
  }
  rule(p: Packet, hook: number, counter: number): void {
    for (const t of this.#tracers) t.rule(p, hook, counter);
  }
  end(p: Packet, hook: number, counter: number): void {
    for (const t of this.#tracers) t.end(p, hook, counter);
  }
  policy(p: Packet, hook: number, counter: number, verdict: number): void {
    for (const t of this.#tracers) t.policy(p, hook, counter, verdict);
  }
  nat(p: Packet, manip: number, fromAddress: number, fromPort: number, toAddress: number, toPort: number): void {
    for (const t of this.#tracers) t.nat(p, manip, fromAddress, fromPort, toAddress, toPort);
  }
  conntrack(p: Packet): void {
    for (const t of this.#tracers) t.conntrack(p);
  }
}
