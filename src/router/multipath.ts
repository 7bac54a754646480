/**
 * Which of several ways a packet takes (`fib_multipath_hash`, `net/ipv4/route.c`, and `fib_select_multipath`, `fib_semantics.c`): a hash of what is the same for
 * all packets of a flow, in both directions, against the upper bounds of the ways. The key of the hash is a node's own.
 */
import type { Packet } from '../packet/packet.ts';
import { u16 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Plane } from './plane.ts';

/** A way whose next hop is the source's own link, and whose part of the hash it is. */
const BEST = 3;

/** @param route with several ways @param flow of the packets inside of a tunnel, 0 without one @returns number of a way */
export function chooseWay(plane: Plane, p: Packet, route: number, flow = 0): number {
  let hash = p.local ? hashOfLocal(plane, p) : hashOf(plane, p, p.l3, p.l4, plane.sysctls.node.fib_multipath_hash_policy === 1);
  if (flow !== 0) hash = mix(hash, flow);
  return select(plane, route, hash >>> 1, p.local ? ipv4.src(p.bytes, p.l3) : 0);
}

/** For a packet between two addresses that does not stand yet. @param flow as `flowHash` tells it */
export const chooseWayBetween = (plane: Plane, route: number, src: number, dst: number, flow: number): number =>
  select(plane, route, mix(hashOfAddresses(plane, src, dst), flow) >>> 1, src);

/** One number for all packets of a flow. */
export const flowHash = (plane: Plane, p: Packet): number => hashOf(plane, p, p.l3, p.l4, true);

/** @param hash 31 bits @param src of a packet of this node: a way from which it would leave with that address is preferred, 0 for none */
function select(plane: Plane, route: number, hash: number, src: number): number {
  const { fib } = plane;
  const first = fib.firstWay[route]!;
  const end = first + fib.ways[route]!;
  let chosen = first;
  let best = -1;
  for (let way = first; way < end; way++) {
    if (!isUsable(plane, way)) continue;
    let score = src !== 0 && plane.interface(fib.oif[way]!).sourceFor(fib.via[way]!) === src ? 2 : 0;
    if (hash <= fib.upperBound[way]!) score++;
    if (score <= best) continue;
    chosen = way;
    best = score;
    if (score === BEST || (src === 0 && score === 1)) break;
  }
  return chosen;
}

/** Its device is there; and with `fib_multipath_use_neigh` its next hop has not failed to answer (`fib_good_nh`). */
function isUsable(plane: Plane, way: number): boolean {
  const { fib } = plane;
  const oif = plane.interface(fib.oif[way]!);
  if (oif.device !== null && oif.device.failure !== undefined) return false;
  const via = fib.via[way]!;
  if (via === 0 || plane.sysctls.node.fib_multipath_use_neigh === 0) return true;
  const entry = plane.neighbours.find(oif.id, via);
  return entry === -1 || plane.neighbours.isValid(entry);
}

/** An error of this node goes the way of the packet that it is about, by addresses or by ports. */
function hashOfLocal(plane: Plane, p: Packet): number {
  const byPorts = plane.sysctls.node.fib_multipath_hash_policy === 1;
  if (!byPorts) return hashOf(plane, p, p.l3, p.l4, false);
  const quoted = quotedPacket(p);
  return quoted === 0 ? hashOf(plane, p, p.l3, p.l4, true) : hashOf(plane, p, quoted, quoted + ipv4.headerLength(p.bytes, quoted), true);
}

function hashOf(plane: Plane, p: Packet, l3: number, l4: number, byPorts: boolean): number {
  const b = p.bytes;
  if (!byPorts) {
    // A router's error about a flow takes that flow's way (`ip_multipath_l3_keys`).
    const at = quotedPacket(p) || l3;
    return hashOfAddresses(plane, ipv4.src(b, at), ipv4.dst(b, at));
  }
  const h = hashOfAddresses(plane, ipv4.src(b, l3), ipv4.dst(b, l3));
  const protocol = ipv4.protocol(b, l3);
  let ports = 0;
  if ((protocol === ipv4.Protocol.Tcp || protocol === ipv4.Protocol.Udp) && !ipv4.isFragment(b, l3) && p.end - l4 >= 4) {
    const one = u16(b, l4);
    const other = u16(b, l4 + 2);
    ports = one < other ? (one << 16) | other : (other << 16) | one;
  }
  return mix(h ^ protocol, ports);
}

/** The same for both directions. */
function hashOfAddresses(plane: Plane, src: number, dst: number): number {
  const inOrder = src >>> 0 < dst >>> 0;
  return mix(mix(plane.hashSeed, inOrder ? src : dst), inOrder ? dst : src);
}

/** Where the packet begins that an ICMP error in `p` quotes; 0 when it is no error. */
function quotedPacket(p: Packet): number {
  const b = p.bytes;
  if (ipv4.protocol(b, p.l3) !== ipv4.Protocol.Icmp || ipv4.fragmentOffset(b, p.l3) !== 0) return 0;
  const quoted = p.l4 + icmp.HEADER_LEN;
  return p.end - quoted >= ipv4.HEADER_LEN && icmp.isError(icmp.type(b, p.l4)) ? quoted : 0;
}

/** One round and the finaliser of murmur3. */
function mix(h: number, v: number): number {
  let k = Math.imul(v, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  let x = h ^ k;
  x = Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
