/** The connections of a run, each with all its sightings, and which connection of the other run is its twin. */
import { compareNs, type TravelledPacket } from '../identity.ts';
import type { Sighting, Tuple } from '../sighting.ts';
import { placeInRun, type SeenRun } from './relevant.ts';

export const ways = ['original', 'reply'] as const;
export type Way = (typeof ways)[number];

/** One connection of one run, with all its sightings. */
export interface Conversation {
  /** Tuple of the first packet where it was first seen. */
  opened: Tuple;
  openedAt: string;
  startNs: bigint;
  /** Of the first packet, in its own run. */
  place: number;
  /** By `hop|way`, in order of time; errors about the flow by `hop|way|error`. */
  at: Map<string, Sighting[]>;
  /** Sequence number of the first byte. */
  firstByte: Record<Way, number>;
  /** Ports of who opened it, at all hops: chosen by systems. */
  ephemeralPorts: Set<number>;
}

/** The connections of a run in order of their start. The same tuple used again with a new SYN is a new one. */
export function conversations(seen: SeenRun): Conversation[] {
  const packets = seen.packets.filter(p => withPorts(p).length > 0);
  const flows = Map.groupBy(packets, p => seen.flows.flowKey(withPorts(p)[0]!.tuple!));
  const all = [...flows.values()].flatMap(packets => epochs(packets).map(epoch => conversation(epoch, seen)));
  return all.sort((a, b) => compareNs(a.startNs, b.startNs));
}

/** Fragments behind the first have no ports: they are compared for themselves. */
const withPorts = (p: TravelledPacket): Sighting[] => p.sightings.filter(s => s.tuple !== undefined);

function epochs(packets: readonly TravelledPacket[]): TravelledPacket[][] {
  const list: TravelledPacket[][] = [[]];
  let isn: number | undefined;
  for (const p of packets) {
    const { tcp } = withPorts(p)[0]!;
    if (tcp?.flags === 'SYN' && tcp.seq !== isn) {
      if (isn !== undefined) list.push([]);
      isn = tcp.seq;
    }
    list.at(-1)!.push(p);
  }
  return list;
}

function conversation(packets: readonly TravelledPacket[], seen: SeenRun): Conversation {
  const first = withPorts(packets[0]!)[0]!;
  const c: Conversation = {
    opened: first.tuple!,
    openedAt: first.frame.hop,
    startNs: first.frame.timeNs,
    place: placeInRun(first, seen),
    at: new Map(),
    firstByte: { original: 0, reply: 0 },
    ephemeralPorts: new Set(),
  };
  const known = { original: false, reply: false };
  const sightings = packets.flatMap(withPorts).sort((a, b) => compareNs(a.frame.timeNs, b.frame.timeNs));
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

const ICMP = 1;
/** An echo's identifier is chosen by the system. */
const portOf = ({ opened }: Conversation): number | '' => (opened.protocol === ICMP ? '' : opened.dstPort);

/** Flows that open alike, in order of time: at the same hop, to the same end; then whatever has the same protocol and port. */
export function pairUp(us: readonly Conversation[], ks: readonly Conversation[]) {
  const pairs: { userspace: Conversation; kernel: Conversation }[] = [];
  const keys = [
    (c: Conversation) => `${c.openedAt}|${c.opened.protocol}|${c.opened.src}|${c.opened.dst}:${portOf(c)}`,
    (c: Conversation) => `${c.opened.protocol}|${portOf(c)}`,
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
