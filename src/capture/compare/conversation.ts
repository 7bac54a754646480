/**
 * Compare two runs of real traffic. TCP does not cut a stream into the same segments twice, so flows are set side by side and not
 * packets: at each hop and in each direction the handshake, the bytes, the closing flags, rewrites, encapsulation, TTL and MACs. What is
 * left out is counted.
 */
import { encapsulation, type FieldValue, protocolWord, type Sighting, type Tuple, tupleText } from '../sighting.ts';
import { type Conversation, conversations, pairUp, type Way, ways } from './connections.ts';
import { appearances, type Observation, observe } from './observation.ts';
import { Pairing } from './pairing.ts';
import { type PayloadRule, payloadRules } from './payload.ts';
import { hopsOfBoth, macText, placeInRun, type SeenRun, sameMac, see } from './relevant.ts';
import { type Comparison, Findings, type Plane, type Run } from './result.ts';

export interface ConversationOptions {
  /** The hops that are compared, in the order of the path. */
  hops: readonly string[];
  /** Replace what must differ in payloads. Default `payloadRules`. */
  payloadRules?: readonly PayloadRule[];
}

export function compareConversation(userspace: Run, kernel: Run, options: ConversationOptions): Comparison {
  return new ConversationComparison(userspace, kernel, options).result();
}

/** One direction of one flow at one hop. */
interface Spot {
  place: number;
  hop: string;
  flow: string;
  way: Way;
  /** Number of the pair of connections. */
  pair: number;
}

class ConversationComparison {
  readonly #findings = new Findings();
  readonly #hops: readonly string[];
  readonly #rules: readonly PayloadRule[];
  readonly #seen: { userspace: SeenRun; kernel: SeenRun };
  readonly #pairing = new Pairing();

  constructor(userspace: Run, kernel: Run, options: ConversationOptions) {
    this.#rules = options.payloadRules ?? payloadRules;
    this.#hops = hopsOfBoth(userspace, kernel, options.hops, this.#findings);
    this.#seen = {
      userspace: see(userspace, this.#hops, 'userspace', this.#findings),
      kernel: see(kernel, this.#hops, 'kernel', this.#findings),
    };
  }

  result(): Comparison {
    const { pairs, extra, missing } = pairUp(conversations(this.#seen.userspace), conversations(this.#seen.kernel));
    this.#findings.compared.flows = pairs.length;
    for (const c of extra) this.#findings.differ(c.place, c.openedAt, tupleText(c.opened), 'flow', tupleText(c.opened), null);
    for (const c of missing) this.#findings.differ(c.place, c.openedAt, tupleText(c.opened), 'flow', null, tupleText(c.opened));
    for (const hop of this.#hops) {
      this.#findings.hop(hop, this.#seen.userspace.at.get(hop)!.length, this.#seen.kernel.at.get(hop)!.length);
      for (const [i, { userspace, kernel }] of pairs.entries()) {
        for (const way of ways) {
          this.#compareAt(hop, way, `${hop}|${way}`, i, userspace, kernel);
          this.#compareAt(hop, way, `${hop}|${way}|error`, i, userspace, kernel);
        }
      }
      this.#compareFragments(hop);
    }
    this.#countIgnored();
    return this.#findings.result('conversation');
  }

  #compareAt(hop: string, way: Way, key: string, pair: number, u: Conversation, k: Conversation): void {
    const seenU = appearances(u.at.get(key) ?? []);
    const seenK = appearances(k.at.get(key) ?? []);
    const flow = `${tupleText(k.opened)}, ${way}${key.endsWith('error') ? ', ICMP error' : ''}`;
    const [firstU, firstK] = [seenU[0]?.[0], seenK[0]?.[0]];
    if (seenU.length !== seenK.length) {
      const place = firstK ? placeInRun(firstK, this.#seen.kernel) : placeInRun(firstU!, this.#seen.userspace);
      this.#findings.differ(place, hop, flow, 'packet', appearanceText(seenU), appearanceText(seenK));
    }
    for (const [us, ks] of alike(seenU, seenK)) {
      const place = placeInRun(ks[0]!, this.#seen.kernel);
      this.#compareObservations({ place, hop, flow, way, pair }, this.#observe(us, way, u), this.#observe(ks, way, k));
    }
  }

  /** Fragments behind the first carry no ports, so they belong to no flow: from whom to whom, and how they were cut. */
  #compareFragments(hop: string): void {
    const us = fragmentsAt(this.#seen.userspace, hop);
    const ks = fragmentsAt(this.#seen.kernel, hop);
    for (const flow of new Set([...us.keys(), ...ks.keys()])) {
      const u = us.get(flow) ?? null;
      const k = ks.get(flow) ?? null;
      this.#findings.compared.fields++;
      if (u !== k) this.#findings.differ(Number.MAX_SAFE_INTEGER, hop, flow, 'fragments', u, k);
    }
  }

  #observe(sightings: readonly Sighting[], way: Way, c: Conversation): Observation {
    const { protocol, dstPort } = c.opened;
    return observe(sightings, c.firstByte[way], this.#rules, { protocol, serverPort: dstPort, ephemeralPorts: c.ephemeralPorts });
  }

  #compareObservations(at: Spot, a: Observation, b: Observation): void {
    const findings = this.#findings;
    findings.compared.packets += a.counts.packets;
    this.#count(a, b);
    const cut = a.counts.cut + b.counts.cut > 0;
    const otherEnvelope = a.fields.get('encapsulation') !== b.fields.get('encapsulation');
    const compare = (field: string, u: FieldValue | undefined, k: FieldValue | undefined): void => {
      if (cut && field === 'payload.hash') {
        findings.ignore('payload of cut frames', 'not captured whole', a.counts.cut, b.counts.cut);
        return;
      }
      findings.compared.fields++;
      if (u !== k) findings.differ(at.place, at.hop, at.flow, field, u ?? null, k ?? null);
    };
    for (const field of new Set([...a.fields.keys(), ...b.fields.keys()])) {
      if (otherEnvelope && /^(outer\.|vxlan\.)/.test(field)) continue;
      compare(field, a.fields.get(field), b.fields.get(field));
      if (field === 'direction at the hop' && !otherEnvelope) this.#compareMacs(at, a, b);
      if (field === 'ipv4.dst') this.#comparePorts(at, a.tuple, b.tuple);
    }
  }

  #compareMacs(at: Spot, a: Observation, b: Observation): void {
    for (const { field, values: us } of a.macs) {
      const ks = b.macs.find(m => m.field === field)?.values ?? [];
      this.#findings.compared.fields++;
      const names = (values: readonly string[], seen: SeenRun): string => values.map(mac => macText(mac, seen)).join(' ');
      // One address on each side: by name or consistent use. More: only as a set, of pinned ones.
      const same =
        us.length === 1 && ks.length === 1
          ? sameMac(us[0]!, ks[0]!, this.#seen, this.#pairing, this.#findings)
          : pinned(us, this.#seen.userspace) === pinned(ks, this.#seen.kernel);
      if (!same) this.#findings.differ(at.place, at.hop, at.flow, field, names(us, this.#seen.userspace), names(ks, this.#seen.kernel));
    }
  }

  /** The opener's port is chosen by a system: it must be kept where the other run keeps it, and changed where it is changed. */
  #comparePorts(at: Spot, u: Tuple, k: Tuple): void {
    if (u.protocol === 1) return; // an echo's identifier
    for (const end of ['srcPort', 'dstPort'] as const) {
      const chosen = (end === 'srcPort') === (at.way === 'original') && u[end] >= 1024 && k[end] >= 1024;
      this.#findings.compared.fields++;
      if (chosen && u[end] !== k[end]) this.#findings.ignore('ephemeral port', 'chosen by the system: compared for consistent use', 1, 1);
      const same = chosen ? this.#pairing.agree(`port|${at.pair}`, u[end], k[end]) : u[end] === k[end];
      if (!same) this.#findings.differ(at.place, at.hop, at.flow, `l4.${end}`, u[end], k[end]);
    }
  }

  #count(a: Observation, b: Observation): void {
    const ignore = this.#findings.ignore.bind(this.#findings);
    ignore('pure ACKs', 'their number depends on time', a.counts.pureAcks, b.counts.pureAcks);
    ignore('segmentation', 'TCP cuts a stream differently each time: bytes are compared', a.counts.segments, b.counts.segments);
    ignore('retransmissions', 'depend on time', a.counts.retransmissions, b.counts.retransmissions);
    for (const { rule, count } of a.replaced) ignore(rule.what, rule.why, count, 0);
    for (const { rule, count } of b.replaced) ignore(rule.what, rule.why, 0, count);
  }

  #countIgnored(): void {
    const count = (plane: Plane, test: (s: Sighting) => boolean): number => [...this.#seen[plane].packetOf.keys()].filter(test).length;
    const all = (what: string, why: string, test: (s: Sighting) => boolean): void =>
      this.#findings.ignore(what, why, count('userspace', test), count('kernel', test));
    all('time', 'two runs', () => true);
    all('IP id', 'chosen by the system', s => s.ipv4 !== undefined);
    all('initial sequence number', 'random: bytes are counted from it', s => s.tcp?.flags.includes('SYN') === true);
    all('window', 'depends on when the application reads', s => s.tcp !== undefined);
    all('TCP timestamps', 'a clock of each system', s => s.tcp?.tsVal !== undefined);
    all('VXLAN outer source port', 'a hash that each system computes in its own way', s => s.envelope.some(l => l.layer === 'vxlan'));
    this.#findings.ignore('order between flows', 'depends on time', this.#findings.compared.flows, this.#findings.compared.flows);
  }
}

/** Appearances that belong together: as many in both runs, in order; else those that leave alike and in the same kind of envelope. */
function alike(us: readonly Sighting[][], ks: readonly Sighting[][]): [Sighting[], Sighting[]][] {
  if (us.length === ks.length) return us.map((u, i) => [u, ks[i]!]);
  const look = (seen: readonly Sighting[]): string => `${seen[0]!.frame.direction} ${encapsulation(seen[0]!)}`;
  const left = [...us];
  return ks.flatMap((k): [Sighting[], Sighting[]][] => {
    const i = left.findIndex(u => look(u) === look(k));
    return i < 0 ? [] : [[left.splice(i, 1)[0]!, k]];
  });
}

/** Names of what is pinned; an address that is not says only that there is one. */
const pinned = (macs: readonly string[], seen: SeenRun): string =>
  macs
    .map(mac => seen.run.macs?.get(mac) ?? 'not pinned')
    .sort()
    .join(' ');

const appearanceText = (seen: readonly Sighting[][]): string | null =>
  seen.length === 0 ? null : seen.map(s => `${tupleText(s[0]!.tuple!)}${s[0]!.envelope.length > 0 ? ' in an envelope' : ''}`).join('; ');

/** By ends and direction: offset and length of each fragment, in order of the offset. */
function fragmentsAt(seen: SeenRun, hop: string): Map<string, string> {
  const fragments = seen.at.get(hop)!.filter(s => s.tuple === undefined && s.ipv4 !== undefined);
  const ends = (s: Sighting): string =>
    `${protocolWord(s.ipv4!.protocol)} ${s.ipv4!.src} > ${s.ipv4!.dst}, fragments, ${s.frame.direction ?? 'hook'}, encapsulation ${encapsulation(s)}, TTL ${s.ipv4!.ttl}`;
  const cut = (list: readonly Sighting[]): string =>
    list
      .map(s => [s.ipv4!.fragmentOffset, s.ipv4!.totalLength] as const)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([offset, length]) => `${offset}+${length}`)
      .join(' ');
  return new Map([...Map.groupBy(fragments, ends)].map(([flow, list]) => [flow, cut(list)]));
}
