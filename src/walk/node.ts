/** A router that is made to walk packets through: the real path and the real rules, no devices. */
import { formatIpv4, type Ipv4, inCidr, isLoopback, maskOf } from '../base/address.ts';
import { VirtualClock } from '../base/clock.ts';
import { LabError } from '../base/errors.ts';
import { SeededRandom } from '../base/random.ts';
import { Conntrack } from '../conntrack/conntrack.ts';
import { Arena } from '../packet/arena.ts';
import { plainMemory } from '../packet/memory.ts';
import { type Route, RouteType } from '../router/fib.ts';
import { type Interface, Link } from '../router/interface.ts';
import { attachPath } from '../router/path.ts';
import { Plane } from '../router/plane.ts';
import { route, routesOfAddresses } from '../router/routes.ts';
import { RulesEnvironment } from '../router/rules-environment.ts';
import { UNKNOWN_ADDRESS, type Unknowns } from './fields.ts';
import type { KnownRoute, Surroundings } from './surroundings.ts';

const ARENA = { small: 32, large: 4 };
/** No interface bears this name. */
const SOMEWHERE = '?';

export interface WalkNode {
  readonly plane: Plane;
  readonly clock: VirtualClock;
  readonly conntrack: Conntrack;
  readonly random: SeededRandom;
  /** Interfaces whose addresses nobody has told. */
  readonly silent: ReadonlySet<number>;
  /** Id of the interface towards what no route tells; 0: all routes are known. */
  readonly somewhere: number;
}

export interface WalkNodeOptions {
  readonly surroundings: Surroundings;
  /** Interfaces by which packets come in. */
  readonly in: readonly string[];
  /** Where it leaves when no route says so. */
  readonly out?: string;
  readonly seed: number;
  /** Room in the connection table. */
  readonly connections: number;
  readonly sysctl: readonly (readonly [name: string, value: number])[];
}

/** @throws LabError BAD_INPUT */
export function makeNode(o: WalkNodeOptions): WalkNode {
  const random = new SeededRandom(o.seed);
  const clock = new VirtualClock(1000);
  const plane = new Plane({ clock, random, arena: new Arena(plainMemory(Arena.bytesFor(ARENA)), ARENA) });
  attachPath(plane);
  const silent = new Set<number>();
  const add = (name: string, mtu: number): Interface => plane.byName(name) ?? plane.add(name, Link.Ethernet, null, new Uint8Array(6), mtu);
  for (const known of o.surroundings.interfaces) {
    const made = add(known.name, known.mtu);
    // 127.0.0.0/8 is there by itself.
    made.addresses = (known.addresses ?? []).filter(a => !isLoopback(a.address));
    if (known.addresses === undefined) silent.add(made.id);
  }
  for (const name of [...o.in, o.out]) {
    if (name === undefined || plane.byName(name)) continue;
    silent.add(add(name, 1500).id);
  }
  const complete = o.surroundings.routesComplete;
  const somewhere = complete || o.out !== undefined ? 0 : add(SOMEWHERE, 65_535).id;
  const routes = [
    ...routesOfAddresses(
      plane.interfaces.filter(i => i !== null),
      plane.lo,
    ),
    ...o.surroundings.routes.map(r => routeOf(plane, r)),
  ];
  // Wins over a default that is known as well: it was asked for.
  const last = o.out === undefined ? somewhere : plane.byName(o.out)!.id;
  if (last !== 0)
    routes.push(route({ network: 0, prefix: 0, type: RouteType.Unicast, oif: last, metric: o.out === undefined ? 0x7fff_ffff : -1 }));
  plane.setRoutes(routes);
  const conntrack = new Conntrack({ clock, random, capacity: o.connections });
  // What was described is taken to fit into its conversation.
  conntrack.sysctl.set('net.netfilter.nf_conntrack_tcp_be_liberal', 1);
  plane.sysctls.set('net.ipv4.ip_forward', 1);
  for (const [name, value] of o.sysctl) {
    if (name.startsWith('net.netfilter.')) conntrack.sysctl.set(name, value);
    else plane.sysctls.set(name, value);
  }
  return { plane, clock, conntrack, random, silent, somewhere };
}

function routeOf(plane: Plane, r: KnownRoute): Route {
  const via = r.via ?? 0;
  const dev = r.dev ?? plane.interfaces.find(i => i?.onLink(via))?.name;
  if (r.kind === 'unicast' && dev === undefined)
    throw new LabError('BAD_INPUT', `route via ${formatIpv4(via)}: the gateway is on no known interface's network; add "dev"`);
  const oif = r.kind === 'unicast' ? plane.byName(dev!)!.id : plane.lo.id;
  const type = {
    unicast: RouteType.Unicast,
    blackhole: RouteType.Blackhole,
    unreachable: RouteType.Unreachable,
    prohibit: RouteType.Prohibit,
  }[r.kind];
  return route({ network: r.network & maskOf(r.prefix), prefix: r.prefix, type, oif, via, prefSrc: r.src ?? 0, metric: r.metric });
}

/** Answers as the router does, says why, and says "unknown" where nobody has told an address. */
export class WalkEnvironment extends RulesEnvironment {
  readonly #node: WalkNode;
  readonly #unknowns: Unknowns;
  /** Told why an address was taken. */
  onReason: (because: string) => void = () => {};
  onReroute: (p: Parameters<RulesEnvironment['reroute']>[0]) => void = () => {};

  constructor(node: WalkNode, unknowns: Unknowns) {
    super(node.plane, node.conntrack);
    this.#node = node;
    this.#unknowns = unknowns;
  }

  override masqueradeSource(oif: number, nextHop: Ipv4): Ipv4 {
    const { plane, somewhere, silent } = this.#node;
    const { name, addresses } = plane.interface(oif);
    if (oif === somewhere) return this.#unknown(`the address of the interface towards ${formatIpv4(nextHop)}`, 'no route for it was given');
    if (silent.has(oif))
      return this.#unknown(`the address of ${name}`, `${name} is the interface it leaves by; its addresses were not given`);
    const address = super.masqueradeSource(oif, nextHop);
    const near = addresses.find(a => inCidr(nextHop, a));
    if (near)
      this.onReason(
        `${formatIpv4(address)} is the address of ${name}, the interface it leaves by, in the network of the next hop ${formatIpv4(nextHop)}`,
      );
    else if (addresses.length > 0) this.onReason(`${formatIpv4(address)} is the first address of ${name}, the interface it leaves by`);
    else if (address !== 0)
      this.onReason(`${name}, the interface it leaves by, has no address: ${formatIpv4(address)} is the node's first`);
    else this.onReason(`${name}, the interface it leaves by, has no address, nor has any other: the packet is dropped`);
    return address;
  }

  override primaryAddress(iface: number): Ipv4 {
    const { name } = this.#node.plane.interface(iface);
    if (this.#node.silent.has(iface))
      return this.#unknown(`the address of ${name}`, `${name} is where it came in; its addresses were not given`);
    const address = super.primaryAddress(iface);
    this.onReason(`${formatIpv4(address)} is the first address of ${name}, where it came in`);
    return address;
  }

  override reroute(p: Parameters<RulesEnvironment['reroute']>[0]): boolean {
    const found = super.reroute(p);
    if (found) this.onReroute(p);
    return found;
  }

  #unknown(whose: string, because: string): Ipv4 {
    this.#unknowns.whose = whose;
    this.onReason(because);
    return UNKNOWN_ADDRESS;
  }
}
