/**
 * `journey.jsonl`: one header line, then one line for each time that a hop saw a packet. `docs/journey.md` describes it and
 * `docs/journey.schema.json` checks it. Fields may be added; a change of meaning gets another version.
 */
import type { Layer } from '../layers.ts';
import type { Direction } from '../pcapng/format.ts';
import type { FieldValue } from '../sighting.ts';

export const JOURNEY_SCHEMA = 'kubehop-journey/1';

export interface JourneyHeader {
  schema: typeof JOURNEY_SCHEMA;
  /** Since 1970, a decimal text: it does not fit a JSON number. Times of records count from here. */
  startNs: string;
  /** In the order of the path. */
  hops: { name: string; frames: number }[];
  packets: number;
  /** Packets whose number is a guess. */
  guesses: number;
  flows: number;
  /** The first direction of each flow, by its number from 1: `tcp 203.0.113.9:40001 > 192.168.56.11:30080`. */
  connections: string[];
  /** Nodes that could not tell which rules their packets met, and why. */
  rulesUntold?: Record<string, string>;
  /** IPv4 address to name: pods, nodes, Services. */
  names: Record<string, string>;
}

/** What a router told between the hop before and this one. */
export interface JourneyEvent {
  node: string;
  /** As `at` of a record. */
  at: number;
  kind: 'rule' | 'nat' | 'conntrack' | 'drop' | 'hook';
  /** One line: `PREROUTING nat KUBE-SERVICES rule 4: -d 10.96.0.10/32 ...`. */
  text: string;
  /** Of a `rule`. Number 0 is the policy of a built-in chain; `origin` the object of the cluster that it was made from. */
  rule?: { table: string; chain: string; number: number; origin?: string };
}

/** A field that is not as it was at the hop before. `null`: it is new, or it has gone. */
export interface Rewrite {
  field: string;
  from: FieldValue | null;
  to: FieldValue | null;
}

export interface JourneyRecord {
  /** The same at every hop; from 1 in order of appearance. */
  packet: number;
  /** Is it sure that this is the same packet as at the other hops? */
  certain: boolean;
  /** From 1; absent for what is not IPv4. */
  flow?: number;
  way?: 'original' | 'reply';
  hop: string;
  /** Nanoseconds after `startNs`. */
  at: number;
  direction?: Direction;
  /** On the wire, and how much of it was captured. */
  length: number;
  captured: number;
  /** From the outside in. */
  layers: Layer[];
  /** Of the packet that an ICMP error is about. */
  quoted?: Layer[];
  rewrites: Rewrite[];
  events: JourneyEvent[];
  /** What the router called it. */
  traced?: { node: string; packet: number };
  /** Why it ended here. */
  dropped?: string;
  /** In plain words, as in the comment of the capture. */
  words: string[];
  /** What the node's rules did to it since the interface before (at a hook: there), in netfilter's words; absent where it met none. */
  rules?: string;
}
