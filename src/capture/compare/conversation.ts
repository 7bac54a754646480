/**
 * Compare two runs of real traffic. TCP does not cut a stream into the same segments twice, so flows are set side by side and not
 * packets: at each hop and in each direction the handshake, the bytes, the closing flags, rewrites, encapsulation, TTL and MACs. What is
 * left out is counted.
 */
import { compareNs, type TravelledPacket } from '../identity.ts';
import { type FieldValue, type Sighting, type Tuple, tupleText } from '../sighting.ts';
import { appearances, type Observation, observe } from './observation.ts';
import { Pairing } from './pairing.ts';
import { type PayloadRule, payloadRules } from './payload.ts';
import { hopsOfBoth, macText, type SeenRun, sameMac, see } from './relevant.ts';
import { type Comparison, Findings, type Plane, type Run } from './result.ts';

export interface ConversationOptions {
  /** The hops that are compared, in the order of the path. */
  hops: readonly string[];
  /** Replace what must differ in payloads. Default `payloadRules`. */
  payloadRules?: readonly PayloadRule[];
}

const ways = ['original', 'reply'] as const;
type Way = (typeof ways)[number];

/** One connection of one run, with all its sightings. */
interface Conversation {
  /** Tuple of the first packet where it was first seen. */
  opened: Tuple;
  openedAt: string;
  startNs: bigint;
  /** By `hop|way`, in order of time; errors about the flow by `hop|way|error`. */
  at: Map<string, Sighting[]>;
  /** Sequence number of the first byte. */
  firstByte: Record<Way, number>;
  /** Ports of who opened it, at all hops: chosen by systems. */
  ephemeralPorts: Set<number>;
}

export function compareConversation(userspace: Run, kernel: Run, options: ConversationOptions): Comparison {
  return new ConversationComparison(userspace, kernel, options).result();
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
    for (const c of extra) this.#findings.differ(c.openedAt, tupleText(c.opened), 'flow', tupleText(c.opened), null);
    for (const c of missing) this.#findings.differ(c.openedAt, tupleText(c.opened), 'flow', null, tupleText(c.opened));
    for (const hop of this.#hops) {
      this.#findings.compared.hops++;
      for (const [i, { userspace, kernel }] of pairs.entries()) {
        for (const way of ways) {
          this.#compareAt(hop, way, `${hop}|${way}`, i, userspace, kernel);
          this.#compareAt(hop, way, `${hop}|${way}|error`, i, userspace, kernel);
        }
      }
    }
    this.#countIgnored();
    return this.#findings.result('conversation');
  }

  #compareAt(hop: string, way: Way, key: string, pair: number, u: Conversation, k: Conversation): void {
    const seenU = appearances(u.at.get(key) ?? []);
    const seenK = appearances(k.at.get(key) ?? []);
    const flow = `${tupleText(k.opened)}, ${way}${key.endsWith('error') ? ', ICMP error' : ''}`;
    if (seenU.length !== seenK.length) {
      this.#findings.differ(hop, flow, 'packet', appearanceText(seenU), appearanceText(seenK));
    }
    for (let i = 0; i < Math.min(seenU.length, seenK.length); i++) {
      const a = this.#observe(seenU[i]!, way, u);
      const b = this.#observe(seenK[i]!, way, k);
      this.#compareObservations(hop, flow, way, pair, a, b);
    }
  }

  #observe(sightings: readonly Sighting[], way: Way, c: Conversation): Observation {
    const { protocol, dstPort } = c.opened;
    return observe(sightings, c.firstByte[way], this.#rules, { protocol, serverPort: dstPort, ephemeralPorts: c.ephemeralPorts });
  }

  #compareObservations(hop: string, flow: string, way: Way, pair: number, a: Observation, b: Observation): void {
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
      if (u !== k) findings.differ(hop, flow, field, u ?? null, k ?? null);
    };
    for (const field of new Set([...a.fields.keys(), ...b.fields.keys()])) {
      if (otherEnvelope && /^(outer\.|vxlan\.)/.test(field)) continue;
      compare(field, a.fields.get(field), b.fields.get(field));
      if (field === 'direction at the hop' && !otherEnvelope) this.#compareMacs(hop, flow, a, b);
      if (field === 'ipv4.dst') this.#comparePorts(hop, flow, way, pair, a.tuple, b.tuple);
    }
  }

  #compareMacs(hop: string, flow: string, a: Observation, b: Observation): void {
    for (const { field, values: us } of a.macs) {
      const ks = b.macs.find(m => m.field === field)?.values ?? [];
      this.#findings.compared.fields++;
      const names = (values: readonly string[], seen: SeenRun): string => values.map(mac => macText(mac, seen)).join(' ');
      // One address on each side: by name or consistent use. More: only as a set, of pinned ones.
      const same =
        us.length === 1 && ks.length === 1
          ? sameMac(us[0]!, ks[0]!, this.#seen, this.#pairing, this.#findings)
          : pinned(us, this.#seen.userspace) === pinned(ks, this.#seen.kernel);
      if (!same) this.#findings.differ(hop, flow, field, names(us, this.#seen.userspace), names(ks, this.#seen.kernel));
    }
  }

  /** The opener's port is chosen by a system: it must be kept where the other run keeps it, and changed where it is changed. */
  #comparePorts(hop: string, flow: string, way: Way, pair: number, u: Tuple, k: Tuple): void {
    if (u.protocol === 1) return; // an echo's identifier
    for (const end of ['srcPort', 'dstPort'] as const) {
      const chosen = (end === 'srcPort') === (way === 'original') && u[end] >= 1024 && k[end] >= 1024;
      this.#findings.compared.fields++;
      if (chosen && u[end] !== k[end]) this.#findings.ignore('ephemeral port', 'chosen by the system: compared for consistent use', 1, 1);
      const same = chosen ? this.#pairing.agree(`port|${pair}`, u[end], k[end]) : u[end] === k[end];
      if (!same) this.#findings.differ(hop, flow, `l4.${end}`, u[end], k[end]);
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

/** Names of what is pinned; an address that is not says only that there is one. */
const pinned = (macs: readonly string[], seen: SeenRun): string =>
  macs
    .map(mac => seen.run.macs?.get(mac) ?? 'not pinned')
    .sort()
    .join(' ');

const appearanceText = (seen: readonly Sighting[][]): string | null =>
  seen.length === 0 ? null : seen.map(s => `${tupleText(s[0]!.tuple!)}${s[0]!.envelope.length > 0 ? ' in an envelope' : ''}`).join('; ');

/** The connections of a run in order of their start. The same tuple used again with a new SYN is a new one. */
function conversations(seen: SeenRun): Conversation[] {
  const flows = Map.groupBy(
    seen.packets.filter(p => p.sightings[0]!.tuple !== undefined),
    p => seen.flows.flowKey(p.sightings[0]!.tuple!),
  );
  const all = [...flows.values()].flatMap(packets => epochs(packets).map(epoch => conversation(epoch, seen)));
  return all.sort((a, b) => compareNs(a.startNs, b.startNs));
}

function epochs(packets: readonly TravelledPacket[]): TravelledPacket[][] {
  const list: TravelledPacket[][] = [[]];
  let isn: number | undefined;
  for (const p of packets) {
    const tcp = p.sightings[0]!.tcp;
    if (tcp?.flags === 'SYN' && tcp.seq !== isn) {
      if (isn !== undefined) list.push([]);
      isn = tcp.seq;
    }
    list.at(-1)!.push(p);
  }
  return list;
}

function conversation(packets: readonly TravelledPacket[], seen: SeenRun): Conversation {
  const first = packets[0]!.sightings[0]!;
  const c: Conversation = {
    opened: first.tuple!,
    openedAt: first.frame.hop,
    startNs: first.frame.timeNs,
    at: new Map(),
    firstByte: { original: 0, reply: 0 },
    ephemeralPorts: new Set(),
  };
  const known = { original: false, reply: false };
  const sightings = packets.flatMap(p => p.sightings).sort((a, b) => compareNs(a.frame.timeNs, b.frame.timeNs));
  for (const s of sightings) {
    const way: Way = seen.flows.isOriginal(s.tuple!) ? 'original' : 'reply';
    const key = `${s.frame.hop}|${way}${s.isError ? '|error' : ''}`;
    const list = c.at.get(key);
    if (list) list.push(s);
    else c.at.set(key, [s]);
    const opener = way === 'original' ? s.tuple!.srcPort : s.tuple!.dstPort;
    if (opener >= 1024) c.ephemeralPorts.add(opener);
    if (!s.tcp) continue;
    // SYN says it; a capture that came later takes the lowest that it sees.
    const syn = s.tcp.flags.includes('SYN');
    const start = (s.tcp.seq + (syn ? 1 : 0)) >>> 0;
    if (syn || (!known[way] && (c.firstByte[way] === 0 || ((start - c.firstByte[way]) | 0) < 0))) c.firstByte[way] = start;
    if (syn) known[way] = true;
  }
  return c;
}

/** Flows that open alike, in order of time: at the same hop, to the same end; then whatever has the same protocol and port. */
function pairUp(us: readonly Conversation[], ks: readonly Conversation[]) {
  const pairs: { userspace: Conversation; kernel: Conversation }[] = [];
  const keys = [
    (c: Conversation) => `${c.openedAt}|${c.opened.protocol}|${c.opened.src}|${c.opened.dst}:${c.opened.dstPort}`,
    (c: Conversation) => `${c.opened.protocol}|${c.opened.dstPort}`,
  ];
  let extra = [...us];
  let missing = [...ks];
  for (const key of keys) {
    const waiting = Map.groupBy(missing, key);
    extra = extra.filter(u => {
      const k = waiting.get(key(u))?.shift();
      if (k) pairs.push({ userspace: u, kernel: k });
      return k === undefined;
    });
    missing = [...waiting.values()].flat();
  }
  pairs.sort((a, b) => compareNs(a.kernel.startNs, b.kernel.startNs));
  return { pairs, extra, missing };
}
