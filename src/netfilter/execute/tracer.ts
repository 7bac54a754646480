/**
 * Who wants to see the rules that a packet meets: `walk`, the captures. Called while the packet stands as the rule found it. Numbers
 * only: the cold side's `ProgramText` turns a counter into table, chain and rule.
 */
import type { Packet } from '../../packet/packet.ts';
import type { Hook, Verdict } from '../../packet/verdict.ts';

export interface Tracer {
  /** All tests of a rule have passed; its target comes next. */
  rule(p: Packet, hook: Hook, counter: number): void;
  /** The end of a chain that was called. `counter` is that of the chain's end. */
  end(p: Packet, hook: Hook, counter: number): void;
  /** The packet came to the policy of a built-in chain. */
  policy(p: Packet, hook: Hook, counter: number, verdict: Verdict): void;
}
