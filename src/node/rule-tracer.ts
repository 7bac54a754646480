/** The rules' tracer over the capture's ring: a rule is told by the number of its counter, which the cold side turns into words. */
import type { Tracer } from '../netfilter/execute/tracer.ts';
import type { Packet } from '../packet/packet.ts';
import type { RuleTracer } from '../packet/tracer.ts';
import type { Hook, Verdict } from '../packet/verdict.ts';

/** What kind of line of the walk a record is: stands in the record's `verdict` field. */
export const WalkMark = { Rule: 0, End: 1, PolicyAccept: 2, PolicyDrop: 3 } as const;

export class RuleTracerAdapter implements Tracer {
  readonly #ring: RuleTracer;
  constructor(ring: RuleTracer) {
    this.#ring = ring;
  }
  rule(p: Packet, hook: Hook, counter: number): void {
    this.#ring.rule(p, hook, 0, 0, counter, WalkMark.Rule);
  }
  end(p: Packet, hook: Hook, counter: number): void {
    this.#ring.rule(p, hook, 0, 0, counter, WalkMark.End);
  }
  policy(p: Packet, hook: Hook, counter: number, verdict: Verdict): void {
    this.#ring.rule(p, hook, 0, 0, counter, verdict === 0 ? WalkMark.PolicyDrop : WalkMark.PolicyAccept);
  }
}
