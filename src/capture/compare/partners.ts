/** Which packet of one run is which of the other. */
import type { TravelledPacket } from '../identity.ts';
import { fieldsOf, find, type Sighting, tupleText } from '../sighting.ts';

/** Packets of the two runs that set out alike: at the same hop, with the same tuple, flags and payload; else without the tuple. */
export function partners(us: readonly TravelledPacket[], ks: readonly TravelledPacket[]): Map<TravelledPacket, TravelledPacket> {
  const found = new Map<TravelledPacket, TravelledPacket>();
  const keys = [
    (s: Sighting) => `${originKey(s)}|${s.tuple ? tupleText(s.tuple) : ''}|${s.ipv4!.identification}`,
    (s: Sighting) => `${originKey(s)}|${s.tuple ? tupleText(s.tuple) : ''}`,
    (s: Sighting) => originKey(s),
  ];
  let leftU = [...us];
  let leftK = [...ks];
  for (const key of keys) {
    const waiting = Map.groupBy(leftK, p => key(p.sightings[0]!));
    leftU = leftU.filter(u => {
      const k = waiting.get(key(u.sightings[0]!))?.shift();
      if (k) found.set(u, k);
      return k === undefined;
    });
    leftK = [...waiting.values()].flat();
  }
  return found;
}

function originKey(s: Sighting): string {
  const payload = find(s.packet, 'payload');
  const kind = s.tcp?.flags ?? (s.icmp ? `${s.icmp.type}/${s.icmp.code}` : '');
  return `${s.frame.hop}|${s.frame.direction}|${s.ipv4!.protocol}|${kind}|${payload?.hash ?? ''}`;
}

/**
 * Pair each of `mine` with the most alike of `theirs`, which is taken out there, if half of what tells packets apart agrees.
 *
 * @returns those of `mine` that found nobody
 */
export function pairAlike(mine: readonly Sighting[], theirs: Sighting[], pair: (mine: Sighting, theirs: Sighting) => void): Sighting[] {
  return mine.filter(m => {
    const scores = theirs.map(t => likeness(m, t));
    const best = scores.reduce((at, score, i) => (at < 0 || score > scores[at]! ? i : at), -1);
    if (best < 0 || scores[best]! < 0.5) return true;
    pair(m, theirs.splice(best, 1)[0]!);
    return false;
  });
}

/** Share of the fields that are equal, of those that say what a packet is. */
function likeness(a: Sighting, b: Sighting): number {
  if (a.ipv4!.protocol !== b.ipv4!.protocol || a.isError !== b.isError) return 0;
  const fa = fieldsOf(a);
  const fb = fieldsOf(b);
  let same = 0;
  let all = 0;
  for (const [field, value] of fa) {
    if (!telling.test(field)) continue;
    all++;
    if (fb.get(field) === value) same++;
  }
  return all === 0 ? 0 : same / all;
}
const telling = /^(encapsulation|ipv4\.(src|dst|totalLength|ttl|identification)|(tcp|udp)\.(srcPort|dstPort|seq|flags)|icmp\.|payload\.)/;
