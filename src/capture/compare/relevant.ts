/** What of a run is compared at all, and how its MAC addresses are called. */
import { type Identified, identify } from '../identity.ts';
import { find, type Sighting, sight, type Tuple } from '../sighting.ts';
import type { Pairing } from './pairing.ts';
import type { Findings, Plane, Run } from './result.ts';

export interface SeenRun extends Identified {
  run: Run;
  /** By hop, in order of time; only what is compared. */
  at: Map<string, Sighting[]>;
  /** By flow key: the tuple of its first packet where that was first seen. */
  openings: Map<string, Tuple>;
}

/** Port 179 (RFC 4271): between nodes and routers, beside what an exercise sends. */
const isBgp = ({ tcp }: Sighting): boolean => tcp !== undefined && (tcp.srcPort === 179 || tcp.dstPort === 179);

/** Dissect the hops of a run, leave out what is background, and find the packets. */
export function see(run: Run, hops: readonly string[], plane: Plane, findings: Findings): SeenRun {
  const at = new Map<string, Sighting[]>();
  const count = (what: string, why: string): void => findings.ignore(what, why, plane === 'userspace' ? 1 : 0, plane === 'kernel' ? 1 : 0);
  for (const hop of hops) {
    const kept: Sighting[] = [];
    for (const frame of run.hops.get(hop) ?? []) {
      const s = sight(frame);
      if (find(s.packet, 'arp')) count('arp', 'when a neighbour is asked for depends on time');
      else if (!s.ipv4) count('not IPv4', 'background of the machine, not of the exercise');
      else if (s.ipv4.protocol === 2) count('igmp', 'background of the machine, not of the exercise');
      else if (isBgp(s)) count('BGP', 'routing daemons speak when they like');
      else kept.push(s);
    }
    kept.sort((a, b) => (a.frame.timeNs < b.frame.timeNs ? -1 : a.frame.timeNs > b.frame.timeNs ? 1 : 0));
    at.set(hop, kept);
  }
  const identified = identify([...at.values()].flat(), hops, run.nat);
  const openings = new Map<string, Tuple>();
  for (const p of identified.packets) {
    const tuple = p.sightings[0]!.tuple;
    if (!tuple) continue;
    const key = identified.flows.flowKey(tuple);
    if (!openings.has(key)) openings.set(key, tuple);
  }
  return { ...identified, run, at, openings };
}

/** No packet has so many sightings. */
const WAY = 100_000;
/** Where in a run a sighting stands: packets in order of appearance, each along its way. */
export function placeInRun(s: Sighting, seen: SeenRun): number {
  const packet = seen.packetOf.get(s)!;
  return packet.id * WAY + packet.sightings.indexOf(s);
}

/** A hop that only one run captured is a difference; in neither run it is an error of the caller and found as well. */
export function hopsOfBoth(userspace: Run, kernel: Run, hops: readonly string[], findings: Findings): string[] {
  return hops.filter(hop => {
    const u = userspace.hops.has(hop);
    const k = kernel.hops.has(hop);
    if (u && k) return true;
    findings.differ(0, hop, '', 'hop', u ? 'captured' : null, k ? 'captured' : null);
    return false;
  });
}

/** Are the two addresses the same end of a wire? By the name that the topology gives, else by consistent use. */
export function sameMac(
  u: string,
  k: string,
  seen: { userspace: SeenRun; kernel: SeenRun },
  pairing: Pairing,
  findings: Findings,
): boolean {
  if (isGroup(u) || isGroup(k)) return u === k;
  const nameU = seen.userspace.run.macs?.get(u);
  const nameK = seen.kernel.run.macs?.get(k);
  if (nameU !== undefined || nameK !== undefined) return nameU === nameK;
  if (u !== k) findings.ignore('MAC not pinned', 'chosen by the system in each run: compared for consistent use', 1, 1);
  return pairing.agree('mac', u, k);
}

/** For eyes: the pinned name, or the address. */
export const macText = (mac: string, seen: SeenRun): string => {
  const name = seen.run.macs?.get(mac);
  return name === undefined ? mac : `${mac} (${name})`;
};

const isGroup = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
