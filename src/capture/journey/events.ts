/** What the nodes told of a packet, each at the sighting where it shows. */
import { compareNs, ownerOf, type TravelledPacket } from '../identity.ts';
import type { Sighting } from '../sighting.ts';
import type { RuleName, TraceLine } from '../trace-text.ts';
import type { KernelPass } from './kernel-passes.ts';
import type { JourneyEvent } from './record.ts';
import { type MetRule, targetOf } from './rule-walk.ts';

/** What turns numbers into names. */
export interface RuleNames {
  /** A router's rule by its counter in the program that was in force at that time. */
  ruleOf?: (node: string, counter: number, timeNs: bigint) => RuleName | undefined;
  /** What else is known of a rule: the object of the cluster behind it, and its share among the endpoints. */
  about?: (node: string, rule: RuleName) => Pick<MetRule, 'origin' | 'endpoint'>;
}

/** What a node said: an event, the rule that it is about, conntrack's word for the packet. */
export interface Told {
  event?: JourneyEvent;
  met?: MetRule;
  /** What a router wrote: `a -> b`. */
  rewrite?: { end: 'source' | 'destination'; text: string };
  state?: string;
}

export class Teller {
  readonly #names: RuleNames;
  readonly #startNs: bigint;
  readonly #byPacket: ReadonlyMap<string, TraceLine[]>;
  readonly #passes = new Map<Sighting, KernelPass>();
  /** Nodes whose nat chains were asked for some packet: there, one that they were not asked for is not the first of its connection. */
  readonly #translating = new Set<string>();

  constructor(names: RuleNames, startNs: bigint, trace: readonly TraceLine[], passes: readonly KernelPass[]) {
    this.#names = names;
    this.#startNs = startNs;
    this.#byPacket = Map.groupBy(trace, l => `${l.node}|${l.packet}`);
    for (const pass of passes) {
      this.#passes.set(pass.seen, pass);
      if (pass.lines.some(l => l.rule?.table === 'nat')) this.#translating.add(ownerOf(pass.seen.frame.hop));
    }
  }

  /** By sighting. What came after the last one in a node stays with that. */
  of(p: TravelledPacket): Map<Sighting, Told[]> {
    const told = new Map<Sighting, Told[]>();
    const put = (at: Sighting, more: Told[]): void => void told.set(at, [...(told.get(at) ?? []), ...more]);
    this.#router(p, put);
    for (const [i, s] of p.sightings.entries()) {
      const pass = this.#passes.get(s);
      if (pass === undefined) continue;
      const node = ownerOf(s.frame.hop);
      const next = p.sightings.slice(i + 1).find(later => ownerOf(later.frame.hop) === node);
      put(pass.cameIn ? (next ?? s) : s, this.#kernel(pass, node, p, s));
    }
    return told;
  }

  #router(p: TravelledPacket, put: (at: Sighting, more: Told[]) => void): void {
    const keys = new Set(p.sightings.flatMap(s => (s.frame.tracedId === undefined ? [] : [`${ownerOf(s.frame.hop)}|${s.frame.tracedId}`])));
    for (const key of keys) {
      const here = p.sightings.filter(s => ownerOf(s.frame.hop) === key.split('|', 1)[0]);
      for (const line of this.#byPacket.get(key) ?? []) {
        const told = this.#told(line);
        const timeNs = BigInt(line.timeNs);
        if (told) put(here.find(s => s.frame.tracedId !== undefined && compareNs(s.frame.timeNs, timeNs) >= 0) ?? here.at(-1)!, [told]);
      }
    }
  }

  #kernel(pass: KernelPass, node: string, p: TravelledPacket, s: Sighting): Told[] {
    const told = pass.lines.flatMap(line => this.#told(line) ?? []);
    const asked = told.some(t => t.met?.table === 'nat');
    const at = Number(s.frame.timeNs - this.#startNs);
    if (asked || (this.#translating.has(node) && s.tuple !== undefined)) {
      const state = asked ? 'NEW' : 'known';
      const text = asked ? 'conntrack NEW: the nat table is asked' : 'conntrack knows the connection: the nat table is not asked';
      told.unshift({ event: { node, at, kind: 'conntrack', text }, state });
    }
    const end = told.findLast(t => t.met !== undefined)?.met;
    if (end !== undefined && dropsWith(end) && p.sightings.at(-1) === s)
      told.push({ event: { node, at, kind: 'drop', text: 'dropped: NETFILTER_DROP' } });
    return told;
  }

  #told(line: TraceLine): Told | undefined {
    const common = { node: line.node, at: Number(BigInt(line.timeNs) - this.#startNs) };
    switch (line.kind) {
      case 'rule':
        return line.event === 'end' ? undefined : this.#rule(line, common); // going back to the calling chain decides nothing
      case 'nat':
        return {
          event: { ...common, kind: 'nat', text: `${line.rewrite} NAT: ${line.from} becomes ${line.to}` },
          ...(line.rewrite === undefined ? {} : { rewrite: { end: line.rewrite, text: `${line.from} -> ${line.to}` } }),
        };
      case 'conntrack':
        return {
          event: { ...common, kind: 'conntrack', text: `conntrack ${line.state ?? 'has no entry'}` },
          ...(line.state === undefined ? {} : { state: line.state }),
        };
      case 'drop':
        return { event: { ...common, kind: 'drop', text: `dropped: ${line.reason}` } };
      case 'hop':
        return line.state === undefined ? undefined : { state: line.state }; // it is a record of its own
      case 'packet':
        return undefined; // the head of a pass
    }
  }

  #rule(line: TraceLine, common: { node: string; at: number }): Told {
    const name = line.rule ?? this.#names.ruleOf?.(line.node, line.counter!, BigInt(line.timeNs));
    const verdict = line.verdict === undefined ? '' : `: ${line.verdict}`;
    if (name === undefined) return { event: { ...common, kind: 'rule', text: `${line.hook} rule ${line.counter}${verdict}` } };
    const isPolicy = name.number === 0;
    const about = isPolicy ? {} : (this.#names.about?.(line.node, name) ?? {});
    const met: MetRule = { ...name, ...(isPolicy ? { text: line.verdict ?? name.text } : {}), ...about, hook: line.hook! };
    const words = isPolicy ? `policy${verdict}` : `rule ${name.number}: ${name.text}`;
    const rule = { table: name.table, chain: name.chain, number: name.number, ...(about.origin ? { origin: about.origin } : {}) };
    return { event: { ...common, kind: 'rule', text: `${line.hook} ${name.table} ${name.chain} ${words}`, rule }, met };
  }
}

const dropsWith = (rule: MetRule): boolean =>
  rule.number === 0 ? rule.text === 'DROP' : ['DROP', 'REJECT'].includes(targetOf(rule.text)?.name ?? '');
