/**
 * Compare two runs of injected frames: at each hop each packet, each field, exactly. Fields that the systems choose by themselves (an
 * answer's IP id, initial sequence numbers, a masqueraded port) must be used alike; those of an injected packet must be the same.
 */

import { compareNs, type TravelledPacket } from '../identity.ts';
import type { Direction } from '../pcapng/format.ts';
import { type FieldValue, fieldsOf, find, reverse, type Sighting, tupleText } from '../sighting.ts';
import { Offsets, Pairing } from './pairing.ts';
import { pairAlike, partners } from './partners.ts';
import { hopsOfBoth, macText, placeInRun, type SeenRun, sameMac, see } from './relevant.ts';
import { type Comparison, Findings, type Run } from './result.ts';

export interface ProbeOptions {
  /** The hops that are compared, in the order of the path. */
  hops: readonly string[];
  /** Hops at which the lab put frames on the wire: packets that leave there first have every field fixed. */
  injectedAt: readonly string[];
  /** How many frames it put there: what leaves after them is the sender's own kernel's, as when a pod answers itself. Absent: all are the lab's. */
  injected?: number;
}

/** At the same hop, once in each run. */
interface Pair {
  hop: string;
  userspace: Sighting;
  kernel: Sighting;
}

export function compareProbe(userspace: Run, kernel: Run, options: ProbeOptions): Comparison {
  return new ProbeComparison(userspace, kernel, options).result();
}

const MOST_LIKENESSES = 100_000;
const directionsOfFrames: readonly (Direction | undefined)[] = ['in', 'out', undefined];

class ProbeComparison {
  readonly #findings = new Findings();
  readonly #hops: readonly string[];
  readonly #options: ProbeOptions;
  readonly #seen: { userspace: SeenRun; kernel: SeenRun };
  readonly #partner: Map<TravelledPacket, TravelledPacket>;
  readonly #injectedPackets: ReadonlySet<TravelledPacket>;
  readonly #chosen = new Pairing();
  readonly #offsets = new Offsets();

  constructor(userspace: Run, kernel: Run, options: ProbeOptions) {
    this.#options = options;
    this.#hops = hopsOfBoth(userspace, kernel, options.hops, this.#findings);
    this.#seen = {
      userspace: see(userspace, this.#hops, 'userspace', this.#findings),
      kernel: see(kernel, this.#hops, 'kernel', this.#findings),
    };
    this.#injectedPackets = new Set([this.#seen.userspace, this.#seen.kernel].flatMap(seen => this.#injectedIn(seen)));
    this.#partner = partners(this.#seen.userspace.packets, this.#seen.kernel.packets);
  }

  result(): Comparison {
    const findings = this.#findings;
    for (const hop of this.#hops) {
      findings.hop(hop, this.#seen.userspace.at.get(hop)!.length, this.#seen.kernel.at.get(hop)!.length);
      for (const direction of directionsOfFrames) this.#hop(hop, direction);
    }
    findings.ignore('time', 'two runs', this.#seen.userspace.packetOf.size, this.#seen.kernel.packetOf.size);
    findings.compared.flows = this.#seen.kernel.openings.size;
    return findings.result('probe');
  }

  #hop(hop: string, direction: Direction | undefined): void {
    const here = (seen: SeenRun): Sighting[] => seen.at.get(hop)!.filter(s => s.frame.direction === direction);
    const { pairs, extra, missing } = this.#pairUp(hop, here(this.#seen.userspace), here(this.#seen.kernel));
    for (const pair of pairs) this.#compare(pair);
    for (const s of extra) this.#alone(hop, s, 'userspace');
    for (const s of missing) this.#alone(hop, s, 'kernel');
    this.#order(hop, pairs);
  }

  #alone(hop: string, s: Sighting, where: 'userspace' | 'kernel'): void {
    this.#findings.compared.packets++;
    const seen = this.#seen[where];
    const place = where === 'kernel' ? placeInRun(s, seen) : this.#placeOfExtra(s);
    const text = packetText(s);
    this.#findings.differ(
      place,
      hop,
      this.#flowOf(s, seen),
      'packet',
      where === 'userspace' ? text : null,
      where === 'kernel' ? text : null,
    );
  }

  /** In the kernel's run: on the way of the same packet, or behind the last packet before it that both runs have. */
  #placeOfExtra(s: Sighting): number {
    const { packetOf, packets } = this.#seen.userspace;
    const packet = packetOf.get(s)!;
    const before = packets.slice(0, packet.id).findLast(p => this.#partner.has(p));
    if (!before) return 0;
    const shared = this.#partner.get(before)!.sightings;
    return (
      placeInRun(
        shared[before === packet ? Math.min(packet.sightings.indexOf(s), shared.length - 1) : shared.length - 1]!,
        this.#seen.kernel,
      ) + 0.5
    );
  }

  /** Sightings of packets that are partners; what is left is paired with its like, so that a changed payload is found as one. */
  #pairUp(hop: string, us: readonly Sighting[], ks: readonly Sighting[]): { pairs: Pair[]; extra: Sighting[]; missing: Sighting[] } {
    const pairs: Pair[] = [];
    const pair = (userspace: Sighting, kernel: Sighting): void => void pairs.push({ hop, userspace, kernel });
    const byPacket = Map.groupBy(ks, k => this.#seen.kernel.packetOf.get(k)!);
    const extra: Sighting[] = [];
    for (const [packet, mine] of Map.groupBy(us, u => this.#seen.userspace.packetOf.get(u)!)) {
      const partner = this.#partner.get(packet);
      const theirs = (partner && byPacket.get(partner)) ?? [];
      // A hop may see a packet twice, bare and in an envelope: as often in both runs, so in the same order.
      if (mine.length === theirs.length) {
        for (const [i, u] of mine.entries()) pair(u, theirs[i]!);
        theirs.length = 0;
      } else extra.push(...pairAlike(mine, theirs, pair));
    }
    const missing = [...byPacket.values()].flat();
    // Whole streams that are missing are not looked through for likeness: every one against every other would take too long.
    const left = extra.length * missing.length > MOST_LIKENESSES ? extra : pairAlike(extra, missing, pair);
    pairs.sort((x, y) => compareNs(x.userspace.frame.timeNs, y.userspace.frame.timeNs));
    return { pairs, extra: left, missing };
  }

  #compare(pair: Pair): void {
    const findings = this.#findings;
    findings.compared.packets++;
    const flow = this.#flowOf(pair.kernel, this.#seen.kernel);
    const place = placeInRun(pair.kernel, this.#seen.kernel);
    const u = fieldsOf(pair.userspace);
    const k = fieldsOf(pair.kernel);
    const otherEnvelope = u.get('encapsulation') !== k.get('encapsulation');
    for (const field of new Set([...u.keys(), ...k.keys()])) {
      // One of them has no envelope, so what is in it says nothing more, and the frame's MACs belong to different wires.
      if (otherEnvelope && /^(outer\.|vxlan\.|ethernet\.)/.test(field)) continue;
      const uv = u.get(field) ?? null;
      const kv = k.get(field) ?? null;
      findings.compared.fields++;
      if (uv === null || kv === null) findings.differ(place, pair.hop, flow, field, uv, kv);
      else if (!this.#agree(field, uv, kv, pair)) {
        findings.differ(
          place,
          pair.hop,
          flow,
          field,
          this.#text(field, uv, this.#seen.userspace),
          this.#text(field, kv, this.#seen.kernel),
        );
      }
    }
  }

  #text(field: string, value: FieldValue, seen: SeenRun): FieldValue {
    return isMacField(field) ? macText(String(value), seen) : value;
  }

  #agree(field: string, u: FieldValue, k: FieldValue, pair: Pair): boolean {
    if (isMacField(field)) return sameMac(String(u), String(k), this.#seen, this.#chosen, this.#findings);
    // Of the kernel's packet alone: one whose id was spoilt on the way in the other run counts as two packets there.
    const packets = `packet ${this.#seen.kernel.packetOf.get(pair.kernel)!.id}`;
    const flow = pair.kernel.tuple ? this.#seen.kernel.flows.directionKey(pair.kernel.tuple) : packets;
    const back = pair.kernel.tuple ? this.#seen.kernel.flows.directionKey(reverse(pair.kernel.tuple)) : packets;
    const consistently = (scope: string, why: string): boolean => {
      if (u !== k) this.#findings.ignore(field, `${why}: compared for consistent use`, 1, 1);
      return this.#chosen.agree(`${field}|${scope}`, u, k);
    };
    const counting = (scope: string): boolean => {
      if (u !== k) this.#findings.ignore(field, 'starts at a random number: compared relative to it', 1, 1);
      return this.#offsets.agree(scope, Number(u), Number(k));
    };
    // The envelope is made by the node, also around an injected packet.
    if (field === 'outer.udp.srcPort') return consistently(flow, 'a hash of the inner flow that each system computes in its own way');
    if (field === 'outer.ipv4.identification') return consistently(packets, 'chosen by the system');
    // An error travels against the packet that it quotes.
    if (/^(tcp|udp)\.srcPort$|^quoted\.(tcp|udp)\.dstPort$/.test(field)) return this.#port(u, k, pair, true);
    if (/^(tcp|udp)\.dstPort$|^quoted\.(tcp|udp)\.srcPort$/.test(field)) return this.#port(u, k, pair, false);
    // A query's identifier is its port, on both sides.
    if (/^(quoted\.)?icmp\.id$/.test(field) && pair.kernel.tuple)
      return this.#port(u, k, pair, this.#seen.kernel.flows.isOriginal(pair.kernel.tuple));
    if (this.#injected(pair.userspace, this.#seen.userspace) || this.#injected(pair.kernel, this.#seen.kernel)) {
      // An injected packet may still acknowledge what a system has chosen.
      return field === 'tcp.ack' ? u === k || counting(back) : u === k;
    }
    switch (field) {
      case 'ipv4.identification':
        return consistently(packets, 'chosen by the system');
      case 'quoted.ipv4.identification':
        // Equal when it quotes an injected packet: its id is the quoted one's, not the quoting one's.
        return u === k || consistently(packets, 'chosen by the system');
      case 'tcp.seq':
        return counting(flow);
      case 'tcp.ack':
      case 'quoted.tcp.seq':
        return u === k || counting(back);
      case 'tcp.tsVal':
      case 'tcp.tsEcr':
        return consistently(packets, 'a clock of each system');
      default:
        return u === k;
    }
  }

  /** A port that NAT chose in both runs, on the side of who opened the flow, may differ; then it must do so everywhere. */
  #port(u: FieldValue, k: FieldValue, pair: Pair, source: boolean): boolean {
    if (u === k) return true;
    if (!this.#rewritten(pair.userspace, this.#seen.userspace, source) || !this.#rewritten(pair.kernel, this.#seen.kernel, source))
      return false;
    const t = pair.kernel.tuple!;
    this.#findings.ignore('port chosen by NAT', 'drawn at random when the wanted one is taken: compared for consistent use', 1, 1);
    return this.#chosen.agree(`port|${this.#seen.kernel.flows.flowKey(t)}`, u, k);
  }

  /** Has NAT changed the opener's port of this flow before this hop? */
  #rewritten(s: Sighting, seen: SeenRun, source: boolean): boolean {
    if (!s.tuple || seen.flows.isOriginal(s.tuple) !== source) return false;
    const opener = seen.openings.get(seen.flows.flowKey(s.tuple))!.srcPort;
    return (source ? s.tuple.srcPort : s.tuple.dstPort) !== opener;
  }

  #injectedIn(seen: SeenRun): TravelledPacket[] {
    const { injectedAt, injected = Number.POSITIVE_INFINITY } = this.#options;
    return injectedAt.flatMap(hop =>
      seen.packets.filter(({ sightings: [first] }) => first!.frame.hop === hop && first!.frame.direction !== 'in').slice(0, injected),
    );
  }

  #injected(s: Sighting, seen: SeenRun): boolean {
    return this.#injectedPackets.has(seen.packetOf.get(s)!);
  }

  /** Packets of one flow and direction must come in the same order. */
  #order(hop: string, pairs: readonly Pair[]): void {
    const last = new Map<string, Pair>();
    for (const pair of pairs) {
      const t = pair.kernel.tuple;
      const key = t ? this.#seen.kernel.flows.directionKey(t) : '';
      const before = last.get(key);
      if (before && before.kernel.frame.timeNs > pair.kernel.frame.timeNs) {
        const place = placeInRun(pair.kernel, this.#seen.kernel);
        this.#findings.differ(
          place,
          hop,
          this.#flowOf(pair.kernel, this.#seen.kernel),
          'order',
          packetText(before.userspace),
          packetText(pair.userspace),
        );
      }
      last.set(key, pair);
    }
  }

  /** A flow is called by the tuple of its first packet where that was first seen. */
  #flowOf(s: Sighting, seen: SeenRun): string {
    if (!s.tuple) return `${s.ipv4!.src} > ${s.ipv4!.dst}, fragment`;
    const way = seen.flows.isOriginal(s.tuple) ? '' : ', reply';
    return `${tupleText(seen.openings.get(seen.flows.flowKey(s.tuple))!)}${way}`;
  }
}

const isMacField = (field: string): boolean => /(^|\.)ethernet\.(src|dst)$/.test(field);

/** `tcp 10.244.1.5:40000 > 10.96.0.10:80 SYN, 0 bytes, TTL 64` */
export function packetText(s: Sighting): string {
  const ip = s.ipv4!;
  const what = s.isError
    ? `icmp error ${s.icmp!.type}/${s.icmp!.code} from ${ip.src}`
    : s.tuple
      ? tupleText(s.tuple)
      : `${ip.src} > ${ip.dst}, fragment at ${ip.fragmentOffset}`;
  const flags = s.tcp ? ` ${s.tcp.flags}` : '';
  const wrapped = s.envelope.length > 0 ? ', in an envelope' : '';
  return `${what}${flags}, ${find(s.packet, 'payload')?.length ?? 0} bytes, TTL ${ip.ttl}${wrapped}`;
}
