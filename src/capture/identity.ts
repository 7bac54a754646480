/**
 * Which sightings are the same packet? What a packet keeps on its way through routers, NAT and tunnels: IP id, protocol, TCP's numbers
 * and flags, the payload; fragments are what their datagram is. Where that does not decide (IP id 0 and equal payloads), flows and the order of time do, and it is a guess.
 */
import { wholeDatagrams } from './datagrams.ts';
import { FlowTable, type NatEntry } from './flow-table.ts';
import { find, type Sighting } from './sighting.ts';

/** One packet and where it was seen, in order of time. */
export interface TravelledPacket {
  /** From 1, in order of the first sighting. */
  id: number;
  sightings: Sighting[];
  /** False when sightings could have been dealt to packets in another way. */
  certain: boolean;
}

export interface Identified {
  packets: TravelledPacket[];
  flows: FlowTable;
  packetOf: Map<Sighting, TravelledPacket>;
}

/** @param order hops along the path: decides between sightings of the same nanosecond */
export function identify(sightings: readonly Sighting[], order: readonly string[] = [], nat: readonly NatEntry[] = []): Identified {
  const place = new Map(order.map((hop, i) => [hop, i]));
  const rank = (s: Sighting): number => place.get(s.frame.hop) ?? order.length;
  const sorted = [...sightings].sort((a, b) => compareNs(a.frame.timeNs, b.frame.timeNs) || rank(a) - rank(b));
  const whole = wholeDatagrams(sorted);
  const groups = new Map<string, Sighting[]>();
  for (const s of sorted) {
    const key = fingerprint(whole.get(s) ?? s);
    const group = groups.get(key);
    if (group) group.push(s);
    else groups.set(key, [s]);
  }
  const flows = new FlowTable(nat);
  const packets: TravelledPacket[] = [];
  const ambiguous: Sighting[][] = [];
  for (const group of groups.values()) {
    if (seenTwice(group)) ambiguous.push(group);
    else for (const sightings of apart(group)) packets.push({ id: 0, sightings, certain: true });
  }
  for (const p of packets) joinTuples(flows, p);
  for (const group of ambiguous) {
    for (const p of deal(group, flows)) {
      packets.push(p);
      joinTuples(flows, p);
    }
  }
  const joined = joinTraced(packets, flows);
  joined.sort((a, b) => compareNs(a.sightings[0]!.frame.timeNs, b.sightings[0]!.frame.timeNs));
  const packetOf = new Map<Sighting, TravelledPacket>();
  for (const [i, p] of joined.entries()) {
    p.id = i + 1;
    for (const s of p.sightings) {
      packetOf.set(s, p);
      if (s.tuple) flows.see(s.tuple, s.frame.timeNs);
    }
  }
  return { packets: joined, flows, packetOf };
}

export const compareNs = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** What no router changes. */
export function fingerprint(s: Sighting): string {
  const ip = s.ipv4;
  if (!ip) {
    const arp = find(s.packet, 'arp');
    if (arp) return `arp|${arp.op}|${arp.sha}|${arp.spa}|${arp.tha}|${arp.tpa}`;
    return `frame|${s.ethernet?.type ?? 0}|${payloadKey(s)}`;
  }
  const head = `${ip.protocol}|${ip.identification}|${ip.fragmentOffset}`;
  if (s.tcp) return `${head}|${s.tcp.seq}|${s.tcp.ack}|${s.tcp.flags}|${payloadKey(s)}`;
  if (s.icmp && s.isError) {
    const quoted = find(s.dissection.quoted, 'ipv4');
    const tcp = find(s.dissection.quoted, 'tcp');
    return `${head}|error|${s.icmp.type}|${s.icmp.code}|${quoted?.protocol}|${quoted?.identification}|${tcp?.seq ?? ''}`;
  }
  // Not the identifier: NAT may give a query another one.
  if (s.icmp) return `${head}|${s.icmp.type}|${s.icmp.code}|${s.icmp.sequence}|${payloadKey(s)}`;
  return `${head}|${payloadKey(s)}`;
}

const payloadKey = (s: Sighting): string => {
  const payload = find(s.packet, 'payload');
  return payload ? `${payload.length}:${payload.hash}` : '0';
};

/** Where a packet can be only once: a bridge sees it again under another MAC, in an envelope, or with another TTL. */
const placeOf = (s: Sighting): string =>
  `${s.frame.hop}|${s.frame.direction ?? ''}|${s.envelope.length}|${s.ethernet?.dst ?? ''}|${s.envelope.length > 0 ? outerDst(s) : ''}|${s.ipv4?.ttl ?? ''}|${s.dissection.layers.map(l => (l.layer === 'ipv4' ? l.fragmentOffset : '')).join('')}`;
const outerDst = (s: Sighting): string => {
  const ethernet = find(s.envelope, 'ethernet');
  return ethernet?.dst ?? '';
};

function seenTwice(group: readonly Sighting[]): boolean {
  const places = new Set<string>();
  for (const s of group) {
    const place = placeOf(s);
    if (places.has(place)) return true;
    places.add(place);
  }
  return false;
}

/** Longer than a packet is on its way between two hops. */
const APART_NS = 100_000_000n;

/**
 * Packets that look alike and never met: the last sighting went into one namespace, and the next comes out of another that nothing had gone
 * into, with other addresses or long after. There another packet sets out (resets have IP id 0 and little else).
 */
function apart(group: Sighting[]): Sighting[][] {
  const packets: Sighting[][] = [];
  let owners = new Set<string>();
  for (const s of group) {
    const before = packets.at(-1)?.at(-1);
    const owner = ownerOf(s.frame.hop);
    const setsOut = s.frame.direction === 'out' && !owners.has(owner) && before?.frame.direction === 'in';
    if (before === undefined || (setsOut && (!sameTuple(before, s) || s.frame.timeNs - before.frame.timeNs > APART_NS))) {
      packets.push([]);
      owners = new Set();
    }
    packets.at(-1)!.push(s);
    owners.add(owner);
  }
  return packets;
}

const sameTuple = (a: Sighting, b: Sighting): boolean =>
  a.tuple === undefined ||
  b.tuple === undefined ||
  (a.tuple.src === b.tuple.src && a.tuple.dst === b.tuple.dst && a.tuple.srcPort === b.tuple.srcPort);

/** Deal a group with several packets: in order of time, each sighting to the oldest packet that can have it, of its flow if there is one. */
function deal(group: readonly Sighting[], flows: FlowTable): TravelledPacket[] {
  const packets: (TravelledPacket & { places: Set<string> })[] = [];
  for (const s of group) {
    const place = placeOf(s);
    const possible = packets.filter(p => !p.places.has(place) && ttlAllows(p.sightings.at(-1)!, s));
    const candidates = narrow(possible, s, flows);
    // Seen at the first hop only, and of another flow: it may be a packet of its own that sets out here.
    const startsHere = candidates === possible && possible.every(p => p.sightings[0]!.frame.hop === s.frame.hop);
    const chosen = startsHere ? undefined : candidates[0];
    if (!chosen) {
      packets.push({ id: 0, sightings: [s], certain: true, places: new Set([place]) });
      continue;
    }
    if (candidates.length > 1) for (const p of candidates) p.certain = false;
    chosen.sightings.push(s);
    chosen.places.add(place);
  }
  return packets.map(({ id, sightings, certain }) => ({ id, sightings, certain }));
}

/** Of the packets that could have this sighting, those that the router numbered alike, else those of its flow, else all. */
function narrow<P extends TravelledPacket>(possible: P[], s: Sighting, flows: FlowTable): P[] {
  const traced = possible.filter(p => p.sightings.some(q => sameTrace(q, s)));
  if (traced.length > 0) return traced;
  const related = possible.filter(p => sameFlow(p.sightings.at(-1)!, s, flows));
  return related.length > 0 ? related : possible;
}

/** A router takes from the TTL and never adds. */
const ttlAllows = (before: Sighting, after: Sighting): boolean => !before.ipv4 || !after.ipv4 || after.ipv4.ttl <= before.ipv4.ttl;

function sameFlow(a: Sighting, b: Sighting, flows: FlowTable): boolean {
  return a.tuple !== undefined && b.tuple !== undefined && flows.directionKey(a.tuple) === flows.directionKey(b.tuple);
}

/** `node1/cni0` is in `node1`. */
export const ownerOf = (hop: string): string => hop.split('/', 1)[0]!;

const sameTrace = (a: Sighting, b: Sighting): boolean =>
  a.frame.tracedId !== undefined && a.frame.tracedId === b.frame.tracedId && ownerOf(a.frame.hop) === ownerOf(b.frame.hop);

function joinTuples(flows: FlowTable, p: TravelledPacket): void {
  const tuples = p.sightings.flatMap(s => (s.tuple ? [s.tuple] : []));
  for (const t of tuples.slice(1)) flows.join(tuples[0]!, t);
}

/** Packets that a router gave one number are one packet, whatever it did to it in between. */
function joinTraced(packets: readonly TravelledPacket[], flows: FlowTable): TravelledPacket[] {
  const byTrace = new Map<string, TravelledPacket>();
  const whole: TravelledPacket[] = [];
  for (const p of packets) {
    let into = p;
    const keys = p.sightings.flatMap(s => (s.frame.tracedId === undefined ? [] : [`${ownerOf(s.frame.hop)}|${s.frame.tracedId}`]));
    for (const key of keys) into = byTrace.get(key) ?? into;
    for (const key of keys) byTrace.set(key, into);
    if (into === p) {
      whole.push(p);
      continue;
    }
    into.sightings.push(...p.sightings);
    into.sightings.sort((a, b) => compareNs(a.frame.timeNs, b.frame.timeNs));
    joinTuples(flows, into);
  }
  return whole;
}
