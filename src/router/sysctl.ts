/**
 * The sysctls that the path of a packet reads, under the kernel's names (`Documentation/networking/ip-sysctl.rst`). `net.ipv4.conf`
 * has an entry for `all`, one per interface, and `default` for interfaces made later; how `all` and the interface combine differs by
 * name (`include/linux/inetdevice.h`): maximum, or, and.
 */
import { LabError } from '../base/errors.ts';

/** `net.ipv4.conf.<interface>.*`, with the kernel's defaults. */
export class InterfaceSysctl {
  forwarding = 0;
  rp_filter = 0;
  accept_local = 0;
  route_localnet = 0;
  accept_source_route = 1;
  arp_ignore = 0;
  arp_announce = 0;
  arp_filter = 0;
  arp_accept = 0;
  proxy_arp = 0;
  send_redirects = 1;
  drop_unicast_in_l2_multicast = 0;
  drop_gratuitous_arp = 0;
}
export type InterfaceSysctlName = keyof InterfaceSysctl;

/** `net.ipv4.*` that belong to the whole node. Rates in messages per second, times in the unit of the kernel's documentation. */
export class NodeSysctl {
  ip_forward = 0;
  ip_default_ttl = 64;
  icmp_echo_ignore_all = 0;
  icmp_echo_ignore_broadcasts = 1;
  /** Milliseconds between two errors of a limited type to one destination; 0 = no limit. */
  icmp_ratelimit = 1000;
  /** Bits of the limited types: 3, 4, 11 and 12. */
  icmp_ratemask = 6168;
  icmp_msgs_per_sec = 1000;
  icmp_msgs_burst = 50;
  icmp_errors_use_inbound_ifaddr = 0;
  ip_forward_use_pmtu = 0;
  /** What decides which of several ways a flow takes: 0 its addresses, 1 its ports as well. */
  fib_multipath_hash_policy = 0;
  /** Leave out a way whose next hop does not answer ARP. */
  fib_multipath_use_neigh = 0;
  /** Seconds that fragments wait for the rest of their datagram; fragments of others that may come between two of one, 0 = any number. */
  ipfrag_time = 30;
  ipfrag_max_dist = 64;
  /** `net.bridge.bridge-nf-call-iptables`. */
  bridge_nf_call_iptables = 1;
}
export type NodeSysctlName = keyof NodeSysctl;

/** All values of a node; interfaces register theirs. */
export class Sysctls {
  readonly node = new NodeSysctl();
  readonly all = new InterfaceSysctl();
  readonly defaults = new InterfaceSysctl();
  /** Changes with every value that is set. */
  generation = 0;
  readonly #interfaces = new Map<string, InterfaceSysctl>();

  constructor() {
    // What a router namespace starts with: `all` is off for what is combined by "and".
    this.all.accept_source_route = 0;
  }

  register(name: string, values: InterfaceSysctl): void {
    Object.assign(values, this.defaults);
    this.#interfaces.set(name, values);
  }

  /** @throws LabError BAD_INPUT for a name that is not known here, naming it. */
  get(name: string): number {
    const [holder, key] = this.#find(name);
    return holder[key]!;
  }

  /** `net.ipv4.ip_forward` also sets `forwarding` everywhere, as in the kernel. @throws LabError BAD_INPUT */
  set(name: string, value: number): void {
    if (!Number.isInteger(value)) throw new LabError('BAD_INPUT', `sysctl ${name}: invalid value "${value}": must be an integer`);
    const [holder, key] = this.#find(name);
    if (key === 'fib_multipath_hash_policy' && (value < 0 || value > 1))
      throw new LabError('BAD_INPUT', `sysctl ${name}: invalid value "${value}": must be 0 (addresses) or 1 (ports as well)`);
    holder[key] = value;
    this.generation++;
    if (name === 'net.ipv4.ip_forward' || name === 'net.ipv4.conf.all.forwarding') {
      this.node.ip_forward = value;
      this.all.forwarding = value;
      this.defaults.forwarding = value;
      for (const each of this.#interfaces.values()) each.forwarding = value;
    }
  }

  has(name: string): boolean {
    return this.#lookup(name) !== undefined;
  }

  names(): string[] {
    const node = Object.keys(this.node).map(k => (k === 'bridge_nf_call_iptables' ? BRIDGE_NF : `net.ipv4.${k}`));
    const places = ['all', 'default', ...this.#interfaces.keys()];
    return [...node, ...places.flatMap(place => Object.keys(this.all).map(k => `net.ipv4.conf.${place.replaceAll('.', '/')}.${k}`))];
  }

  #find(name: string): [Record<string, number>, string] {
    const found = this.#lookup(name);
    if (!found) throw new LabError('BAD_INPUT', `sysctl ${name}: the router does not know this name`);
    return found;
  }

  #lookup(name: string): [Record<string, number>, string] | undefined {
    if (name === BRIDGE_NF) return [this.node as unknown as Record<string, number>, 'bridge_nf_call_iptables'];
    const m = /^net\.ipv4\.(?:conf\.(.+)\.)?([a-z0-9_]+)$/.exec(name);
    if (!m) return undefined;
    const place = m[1]?.replaceAll('/', '.');
    let holder: NodeSysctl | InterfaceSysctl | undefined = this.node;
    if (place === 'all') holder = this.all;
    else if (place === 'default') holder = this.defaults;
    else if (place !== undefined) holder = this.#interfaces.get(place);
    if (!holder || !Object.hasOwn(holder, m[2]!)) return undefined;
    return [holder as unknown as Record<string, number>, m[2]!];
  }
}

const BRIDGE_NF = 'net.bridge.bridge-nf-call-iptables';
