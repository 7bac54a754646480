/** One case: rules, switches, and what is sent. Plain data: a case file is its JSON. */
import type { PacketSpec } from './packet-spec.ts';
import type { LinkName } from './topology.ts';

export type Step =
  | { kind: 'send'; link: LinkName; packet: PacketSpec }
  /**
   * An answer to what came out at step `to`: from the host that got it, with its addresses and ports turned round, whatever they had
   * been changed to on that side. When nothing came out, the packet of that step is answered as it was sent.
   */
  | { kind: 'answer'; to: number; packet: Partial<PacketSpec> }
  /** An ICMP error from the host that got the output of step `about`, quoting it. `from` another address than that host's. */
  | { kind: 'error'; about: number; type: number; code: number; rest?: number; quote?: number; from?: string }
  | { kind: 'sysctl'; name: string; value: number }
  /** Nothing comes for so long: connections and fragments expire. What comes out meanwhile is the output of this step. */
  | { kind: 'wait'; seconds: number }
  /** Other rules in place of those that are there, as a whole. Connections stay. */
  | { kind: 'load'; rules: string[] }
  /** What `conntrack` is told, which need not succeed: `-D -p udp --orig-dst 10.96.0.10`. */
  | { kind: 'conntrack'; args: string[] };

/** What puts a frame on a wire. */
export type Sending = Extract<Step, { kind: 'send' | 'answer' | 'error' }>;
export const isSending = (step: Step): step is Sending => step.kind === 'send' || step.kind === 'answer' || step.kind === 'error';

export interface Case {
  /** What it shows, when it stands in the corpus. */
  name?: string;
  seed?: number;
  /** Lines as `ipset save` writes them: the sets that the rules ask for. */
  sets?: string[];
  /** Lines of an iptables-save text; the sentinels' rules are put in front of each chain. */
  rules: string[];
  steps: Step[];
}
