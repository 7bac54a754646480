/**
 * What a walk tells, as data: `kubehop walk --json` prints it as it stands. Fields may be added; none changes its meaning while
 * `schema` stays.
 */

/** An address that nobody knows is null, and `unknown` says which one it would be. So is a port that is drawn at random. */
export interface Endpoint {
  address: string | null;
  /** Absent for protocols without ports. */
  port?: number | null;
  /** Whose address it is: `the address of flannel.1`. */
  unknown?: string;
}

export interface PacketFields {
  protocol: string;
  source: Endpoint;
  destination: Endpoint;
  /** Of TCP: `SYN`, `SYN,ACK`. */
  flags?: string;
  icmp?: { type: number; code: number };
  ttl: number;
  tos: number;
  length: number;
  mark: number;
}

/** A rule as the file has it. `number` counts in its chain from 1, as `iptables -L --line-numbers` does; `line` is that of the file, or 0. */
export interface RulePlace {
  table: string;
  chain: string;
  number: number;
  line: number;
  /** As iptables-save writes it. */
  text: string;
  /** How many chains have been called before it. */
  depth: number;
  /** The object of the cluster, and its field, that the rule was made from, where objects were given. */
  origin?: string;
}

/** What a rule has changed: a mark, an address, a field. Values are printed ones. */
export interface Change {
  what: string;
  from?: string;
  to: string;
  /** Why it became that. */
  because?: string;
}

/** One way out of a random choice, or of one by turns. */
export interface Backend {
  /** 1 is the first; what `--choose` takes. */
  number: number;
  /** Share of new flows that reach the choice, 0 to 1. */
  share: number;
  /** The chain it leads to, the target, or what comes behind. */
  to: string;
}
export interface Choice {
  kind: 'random' | 'by turns';
  backends: Backend[];
  taken: number;
  /** `--choose` named it; else it was drawn from the seed. */
  forced: boolean;
}

export type Event =
  | { event: 'hook'; hook: string; in: string | null; out: string | null; mark: number }
  | { event: 'conntrack'; state: string; why: string }
  | { event: 'not-asked'; table: string; why: string }
  | ({ event: 'rule'; changes: Change[]; verdict?: string; choice?: Choice } & RulePlace)
  | ({ event: 'missed'; test: string; why: string } & RulePlace)
  | ({ event: 'undecided'; test: string; why: string } & RulePlace)
  | { event: 'chain-end'; table: string; chain: string; depth: number }
  | { event: 'policy'; table: string; chain: string; policy: string }
  | { event: 'translated'; side: 'source' | 'destination'; from: Endpoint; to: Endpoint }
  | {
      event: 'route';
      again: boolean;
      destination: string;
      kind: 'local' | 'unicast' | 'unknown';
      dev: string | null;
      via: string | null;
      route: string;
    }
  | { event: 'ttl'; from: number; to: number }
  | { event: 'answer'; packet: PacketFields; out: string | null; sent: boolean }
  | { event: 'dropped'; reason: string; why: string };

export interface Flow {
  original: { source: Endpoint; destination: Endpoint };
  /** What answers look like on the far side; conntrack turns them back. */
  reply: { source: Endpoint; destination: Endpoint };
}

export interface Outcome {
  verdict: 'ACCEPT' | 'DROP' | 'REJECT' | 'HELD';
  /** Where it went: out of an interface, to this node, or nowhere. */
  fate: 'forwarded' | 'sent' | 'delivered' | 'dropped' | 'held';
  /** As it stands at its end. */
  packet: PacketFields;
  /** Interface by which it leaves; null: none, or unknown. */
  out: string | null;
  nextHop: string | null;
  /** The rule or policy that ended it. */
  by?: string;
  /** SKB_DROP_REASON. */
  reason?: string;
}

export interface Story {
  schema: 1;
  packet: PacketFields;
  in: string | null;
  events: Event[];
  outcome: Outcome;
  /** Present when conntrack follows the packet and it was let through. */
  flow?: Flow;
  /** Rules that could not be decided: the outcome holds if none of them matches. */
  undecided: number;
  /** What was taken for granted, and what could be told to know more. */
  notes: string[];
  /** Of addresses in the story, where objects of the cluster were given: `10.96.0.10` is `Service default/web`. */
  names?: Record<string, string>;
}
