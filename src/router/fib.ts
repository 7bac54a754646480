/**
 * Forwarding information base: longest prefix first, `local` before `main` as the kernel's rules 0 and 32766 have it, and between them
 * the routes for packets with a mark (`ip rule fwmark`). One hash per
 * prefix length that is in use, so that a look-up costs as many probes as there are lengths, however many /32 routes pods have.
 *
 * Routes are numbered; a number stays valid until `replace`. Fields stand in typed arrays beside each other. The ways of a route with several have
 * numbers of their own behind all routes: `lookup` gives the number of the route, which stands for its first way, and `multipath.ts` chooses.
 */
import { formatCidr, type Ipv4, maskOf } from '../base/address.ts';
import { LabError } from '../base/errors.ts';

/** Kind of route, RTN_* of `include/uapi/linux/rtnetlink.h`. */
export const RouteType = {
  Unspec: 0,
  Unicast: 1,
  Local: 2,
  Broadcast: 3,
  Anycast: 4,
  Multicast: 5,
  Blackhole: 6,
  Unreachable: 7,
  Prohibit: 8,
} as const;
export type RouteType = (typeof RouteType)[keyof typeof RouteType];

/** One of several ways to the same network. */
export interface Way {
  oif: number;
  via: Ipv4;
  /** 1..256. */
  weight: number;
}

/** A route in words. `via` 0 means directly on the link; `prefSrc` 0 means "the interface's own". */
export interface Route {
  network: Ipv4;
  prefix: number;
  type: RouteType;
  oif: number;
  via: Ipv4;
  prefSrc: Ipv4;
  /** Lower wins between routes to the same network. */
  metric: number;
  /** For packets with this mark alone, int32; absent or 0: for all. */
  mark?: number;
  /** Two or more: each flow takes one of them. `oif` and `via` are then those of the first. */
  ways?: readonly Way[];
}

/** One prefix length: open addressing, linear probing, a power of two of slots at most half full. */
class PrefixTable {
  readonly mask: number;
  readonly prefix: number;
  readonly #slots: Int32Array;
  readonly #routes: Int32Array;
  readonly #last: number;

  constructor(prefix: number, networks: readonly Ipv4[], routes: readonly number[]) {
    this.prefix = prefix;
    this.mask = maskOf(prefix);
    const size = 1 << Math.max(2, 32 - Math.clz32(networks.length * 2));
    this.#last = size - 1;
    this.#slots = new Int32Array(size);
    this.#routes = new Int32Array(size).fill(-1);
    for (let i = 0; i < networks.length; i++) {
      let at = mix(networks[i]!) & this.#last;
      while (this.#routes[at] !== -1) at = (at + 1) & this.#last;
      this.#slots[at] = networks[i]!;
      this.#routes[at] = routes[i]!;
    }
  }

  find(dst: Ipv4): number {
    const network = dst & this.mask;
    for (let at = mix(network) & this.#last; this.#routes[at] !== -1; at = (at + 1) & this.#last) {
      if (this.#slots[at] === network) return this.#routes[at]!;
    }
    return -1;
  }
}

/** Finaliser of murmur3: neighbouring networks differ in few bits. */
function mix(v: number): number {
  let h = v ^ (v >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  return h ^ (h >>> 16);
}

export class Fib {
  #local: PrefixTable[] = [];
  #main: PrefixTable[] = [];
  readonly #marked = new Map<number, PrefixTable[]>();
  #routes: Route[] = [];
  type = new Uint8Array(0);
  oif = new Int32Array(0);
  via = new Int32Array(0);
  prefSrc = new Int32Array(0);
  /** Is there any route with several ways? */
  multipath = false;
  /** By route: how many ways it has when there are several, else 0; and the number of the first of them. */
  ways = new Uint16Array(0);
  firstWay = new Int32Array(0);
  /** By number of a way: flows whose hash is not above take it, if none before it did. */
  upperBound = new Int32Array(0);
  /** The last answer of `addressTypeOn`. */
  #asked = 0;
  #askedOif = -1;
  #told: RouteType = RouteType.Unspec;
  /** The last answers of `lookup` without a mark and of `addressType`: a first packet asks once for where it goes, and once for where it came from. */
  #looked = 0;
  #found = -1;
  #typed = 0;
  #typeTold: RouteType = RouteType.Broadcast;

  /** Local, broadcast and multicast routes go to the table that is asked first. The whole set is replaced at once. */
  replace(routes: readonly Route[]): void {
    const kept = firstByMetric(routes);
    this.#askedOif = -1;
    this.#routes = kept;
    const all = [...kept, ...kept.flatMap(waysOf)];
    this.type = Uint8Array.from(all, r => r.type);
    this.oif = Int32Array.from(all, r => r.oif);
    this.via = Int32Array.from(all, r => r.via);
    this.prefSrc = Int32Array.from(all, r => r.prefSrc);
    this.#setWays(all, kept.length);
    this.#local = byLength(kept, isLocalTable);
    this.#main = byLength(kept, r => !isLocalTable(r) && markOf(r) === 0);
    this.#marked.clear();
    for (const mark of new Set(kept.map(markOf)))
      if (mark !== 0)
        this.#marked.set(
          mark,
          byLength(kept, r => !isLocalTable(r) && markOf(r) === mark),
        );
    this.#looked = 0;
    this.#found = this.#find(0, 0);
    this.#typed = 0;
    this.#typeTold = this.#typeOf(0);
  }

  #setWays(all: readonly Route[], routes: number): void {
    this.multipath = all.length > routes;
    this.ways = new Uint16Array(routes);
    this.firstWay = new Int32Array(routes);
    this.upperBound = new Int32Array(all.length);
    let next = routes;
    for (let n = 0; n < routes; n++) {
      const { ways } = all[n]!;
      if (ways === undefined || ways.length < 2) continue;
      this.ways[n] = ways.length;
      this.firstWay[n] = next;
      this.upperBound.set(upperBounds(ways), next);
      next += ways.length;
    }
  }

  get routes(): readonly Route[] {
    return this.#routes;
  }

  /** Does the route lead out by `oif`, in one of its ways? */
  leadsBy(route: number, oif: number): boolean {
    if (this.oif[route] === oif) return true;
    const first = this.firstWay[route]!;
    for (let i = 0; i < this.ways[route]!; i++) if (this.oif[first + i] === oif) return true;
    return false;
  }

  /** @returns number of the route for `dst` of a packet with that mark, -1 when there is none. */
  lookup(dst: Ipv4, mark = 0): number {
    if (mark !== 0) return this.#find(dst, mark);
    if (dst !== this.#looked) {
      this.#found = this.#find(dst, 0);
      this.#looked = dst;
    }
    return this.#found;
  }

  #find(dst: Ipv4, mark: number): number {
    const local = find(this.#local, dst);
    if (local !== -1) return local;
    if (mark !== 0 && this.#marked.size > 0) {
      const table = this.#marked.get(mark | 0);
      const found = table === undefined ? -1 : find(table, dst);
      if (found !== -1) return found;
    }
    return find(this.#main, dst);
  }

  /** RTN_* of an address as `inet_addr_type` tells it: an address with any route that is not special is UNICAST. */
  addressType(address: Ipv4): RouteType {
    if (address !== this.#typed) {
      this.#typeTold = this.#typeOf(address);
      this.#typed = address;
    }
    return this.#typeTold;
  }

  #typeOf(address: Ipv4): RouteType {
    if (address === 0 || address === -1) return RouteType.Broadcast;
    if (address >>> 28 === 0xe) return RouteType.Multicast;
    for (let i = 0; i < this.#local.length; i++) {
      const found = this.#local[i]!.find(address);
      if (found !== -1) return this.type[found] as RouteType;
    }
    return RouteType.Unicast;
  }

  /** Is it one that many hosts share? Nothing is answered to it, and no error is sent about it. */
  isShared(address: Ipv4): boolean {
    const type = this.addressType(address);
    return type === RouteType.Broadcast || type === RouteType.Multicast;
  }

  /** As `addressType`, but an address of another interface than `oif` is not LOCAL (`inet_dev_addr_type`). Packets that leave ask for the same again and again. */
  addressTypeOn(address: Ipv4, oif: number): RouteType {
    if (address === this.#asked && oif === this.#askedOif) return this.#told;
    this.#told = this.#typeOn(address, oif);
    this.#asked = address;
    this.#askedOif = oif;
    return this.#told;
  }

  #typeOn(address: Ipv4, oif: number): RouteType {
    const t = this.addressType(address);
    if (t !== RouteType.Local && t !== RouteType.Broadcast) return t;
    for (let i = 0; i < this.#local.length; i++) {
      const found = this.#local[i]!.find(address);
      if (found !== -1) return this.oif[found] === oif ? t : RouteType.Unicast;
    }
    return t;
  }
}

function find(tables: readonly PrefixTable[], dst: Ipv4): number {
  for (let i = 0; i < tables.length; i++) {
    const found = tables[i]!.find(dst);
    if (found !== -1) return found;
  }
  return -1;
}

const markOf = (r: Route): number => (r.mark ?? 0) | 0;
const isLocalTable = (r: Route): boolean =>
  r.type === RouteType.Local || r.type === RouteType.Broadcast || r.type === RouteType.Anycast || r.type === RouteType.Multicast;

const waysOf = (r: Route): Route[] => (r.ways === undefined || r.ways.length < 2 ? [] : r.ways.map(({ oif, via }) => ({ ...r, oif, via })));

/** Each way's part of the 31 bits of a hash, by its weight (`fib_rebalance`, `net/ipv4/fib_semantics.c`). */
export function upperBounds(ways: readonly Pick<Way, 'weight'>[]): number[] {
  const total = ways.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  return ways.map(({ weight }) => {
    sum += weight;
    // DIV_ROUND_CLOSEST
    return Math.floor((sum * 0x8000_0000 + Math.floor(total / 2)) / total) - 1;
  });
}

/** One route per table and network: the one of the lowest metric, the first one given among equals. */
function firstByMetric(routes: readonly Route[]): Route[] {
  const best = new Map<string, Route>();
  for (const r of routes) {
    if ((r.network & maskOf(r.prefix)) !== r.network)
      throw new LabError('BAD_INPUT', `route ${formatCidr({ address: r.network, prefix: r.prefix })}: host bits are set`);
    const key = `${isLocalTable(r)} ${markOf(r)} ${r.network}/${r.prefix}`;
    const known = best.get(key);
    if (!known || r.metric < known.metric) best.set(key, r);
  }
  return [...best.values()];
}

function byLength(routes: readonly Route[], include: (r: Route) => boolean): PrefixTable[] {
  const tables: PrefixTable[] = [];
  for (let prefix = 32; prefix >= 0; prefix--) {
    const numbers = [...routes.keys()].filter(i => routes[i]!.prefix === prefix && include(routes[i]!));
    if (numbers.length > 0)
      tables.push(
        new PrefixTable(
          prefix,
          numbers.map(i => routes[i]!.network),
          numbers,
        ),
      );
  }
  return tables;
}
