/**
 * Routes of a routing daemon in the namespace's kernel, as routes of the router (`docs/decisions/0023`). The daemon sees addresses and interfaces as on a
 * node whose kernel forwards. A next hop that it takes to be on a link (`onlink`) and is not is looked for in the router's own routes.
 */
import { formatCidr, formatIpv4, type Ipv4, inCidr, parseCidr } from '../base/address.ts';
import { Fib, type Route, RouteType, type Way } from '../router/fib.ts';
import type { Interface } from '../router/interface.ts';
import { sourceAddress } from '../router/output.ts';
import type { Plane } from '../router/plane.ts';
import { route } from '../router/routes.ts';
import type { PortDescription, RouterDescription } from './description.ts';
import type { KernelRoute } from './kernel-routes.ts';

export type MirrorDescription = NonNullable<RouterDescription['mirror']>;

/** A mirrored route in words, for eyes and for the node's own sockets. */
export interface MirroredRoute {
  /** `10.244.2.0/26`. */
  to: string;
  type: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';
  /** Empty but for unicast. `dev` as the router names it. */
  nexthops: { via: string | undefined; dev: string; weight: number }[];
  /** RTPROT_*: 12 BIRD, 186 BGP of FRR. */
  protocol: number;
  metric: number;
  /** The address that the node's own sockets leave with, and the MTU they find. */
  source: string | undefined;
  mtu: number;
}

/** Where the routes are: `KernelRoutes`. */
export interface RouteSource {
  readonly fd: number;
  readonly routes: Iterable<KernelRoute>;
  nameOf(ifindex: number): string;
  hear(): boolean;
  close(): void;
}

export class RouteMirror {
  readonly #kernel: RouteSource;
  readonly #mirror: MirrorDescription;
  /** Interfaces of the namespace and what the router calls them; the TUN is none of them. */
  readonly #ports: ReadonlyMap<string, string>;
  readonly #tun: string | undefined;
  /** As they stand since `over` was asked last. */
  told: MirroredRoute[] = [];

  constructor(ports: readonly PortDescription[], mirror: MirrorDescription, kernel: RouteSource) {
    this.#mirror = mirror;
    this.#kernel = kernel;
    this.#ports = new Map(ports.filter(p => p.kind !== 'tun').map(p => [p.interface ?? p.name, p.name]));
    const tun = ports.find(p => p.kind === 'tun');
    this.#tun = tun && (tun.interface ?? tun.name);
  }

  get fd(): number {
    return this.#kernel.fd;
  }
  /** @returns whether something may have changed */
  hear(): boolean {
    return this.#kernel.hear();
  }
  close(): void {
    this.#kernel.close();
  }

  /** The mirrored routes over those that the router has of itself. One none of whose next hops can be reached is left out. */
  over(plane: Plane, own: readonly Route[]): Route[] {
    const fib = new Fib();
    fib.replace(own);
    const routes: Route[] = [];
    this.told = [];
    for (const each of this.#kernel.routes) {
      const made = this.#translate(plane, fib, each);
      if (made === undefined) continue;
      routes.push(made);
      this.told.push(inWords(plane, made, each.protocol));
    }
    return routes;
  }

  #translate(plane: Plane, own: Fib, { destination, prefix, type, nexthops, metric, prefSrc = 0 }: KernelRoute): Route | undefined {
    const common = { network: destination, prefix, type: type as RouteType, metric, prefSrc };
    if (type !== RouteType.Unicast) return route({ ...common, oif: plane.lo.id });
    const ways: Way[] = [];
    for (const { ifindex, gateway, weight } of nexthops) {
      const way =
        gateway === undefined
          ? this.#onLink(plane, ifindex)
          : this.#through(plane, own, ifindex, gateway, this.#inPool(destination, prefix));
      if (way !== undefined) ways.push({ ...way, weight });
    }
    return ways.length === 0 ? undefined : route({ ...common, oif: ways[0]!.oif, via: ways[0]!.via, ways });
  }

  #inPool(destination: Ipv4, prefix: number): boolean {
    const pool = parseCidr(this.#mirror.pool);
    return prefix >= pool.prefix && inCidr(destination, pool);
  }

  #onLink(plane: Plane, ifindex: number): Omit<Way, 'weight'> | undefined {
    const port = this.#portOf(plane, ifindex);
    return port && { oif: port.id, via: 0 };
  }

  #through(plane: Plane, own: Fib, ifindex: number, gateway: Ipv4, inPool: boolean): Omit<Way, 'weight'> | undefined {
    const isNear = plane.interfaces.some(i => i?.onLink(gateway));
    if (inPool && this.#mirror.tunnel !== undefined && !(isNear && this.#mirror.mode === 'cross-subnet'))
      return { oif: plane.byName(this.#mirror.tunnel)!.id, via: gateway };
    const port = this.#portOf(plane, ifindex);
    if (port?.onLink(gateway)) return { oif: port.id, via: gateway };
    const found = own.lookup(gateway);
    if (found === -1 || own.type[found] !== RouteType.Unicast) return undefined;
    return { oif: own.oif[found]!, via: own.via[found]! || gateway };
  }

  #portOf(plane: Plane, ifindex: number): Interface | undefined {
    const name = this.#kernel.nameOf(ifindex);
    return name === this.#tun ? undefined : plane.byName(this.#ports.get(name) ?? name);
  }
}

const words = {
  [RouteType.Unicast]: 'unicast',
  [RouteType.Blackhole]: 'blackhole',
  [RouteType.Unreachable]: 'unreachable',
  [RouteType.Prohibit]: 'prohibit',
} as const;

function inWords(plane: Plane, r: Route, protocol: number): MirroredRoute {
  const isUnicast = r.type === RouteType.Unicast;
  const source = r.prefSrc || (isUnicast ? sourceAddress(plane, r.oif, r.via) : 0);
  return {
    to: r.prefix === 0 ? 'default' : formatCidr({ address: r.network, prefix: r.prefix }),
    type: words[r.type as keyof typeof words],
    nexthops: isUnicast
      ? r.ways!.map(w => ({ via: w.via === 0 ? undefined : formatIpv4(w.via), dev: plane.interface(w.oif).name, weight: w.weight }))
      : [],
    protocol,
    metric: r.metric,
    source: source === 0 ? undefined : formatIpv4(source),
    mtu: plane.interface(r.oif).mtu,
  };
}
