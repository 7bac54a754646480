/**
 * From a description to a router that can run: devices opened, interfaces numbered, addresses, routes and neighbours set. Whatever was
 * opened is closed again when a later step fails.
 */
import { parseCidr, parseIpv4, parseMac } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Conntrack } from '../conntrack/conntrack.ts';
import { MAX_ENTRIES } from '../conntrack/table.ts';
import type { Device } from '../device/device.ts';
import { arena as addressed } from '../os/memory.ts';
import { Arena } from '../packet/arena.ts';
import type { Memory } from '../packet/memory.ts';
import { solicit } from '../router/arp.ts';
import { type Interface, Link } from '../router/interface.ts';
import { Ipip } from '../router/ipip.ts';
import { Neighbours } from '../router/neighbour.ts';
import { attachPath, giveUp, resume } from '../router/path.ts';
import { Plane } from '../router/plane.ts';
import { Vxlan } from '../router/vxlan.ts';
import type { PortDescription, RouterDescription } from './description.ts';
import { setNetwork } from './network.ts';

/** Slots for what the node makes and keeps: errors, ARP, packets that wait for a neighbour; large ones for whole datagrams. */
const ARENA = { small: 4096, large: 64 };
const NO_MAC = new Uint8Array(6);
const DEFAULT_CONNECTIONS = 262_144;

export interface BuiltNode {
  plane: Plane;
  conntrack: Conntrack;
  /** Interfaces with a device, in the order of the description. */
  ports: Interface[];
  /** Closes what was opened. A second call does nothing. */
  close(): void;
}

export interface BuildParts {
  clock: Clock;
  random: Random;
  /** Milliseconds since 1970, for the timestamps of connections. */
  wallClock?: () => number;
  /** Opens the device of a port; what else must be closed later goes to `opened`. */
  open: (port: PortDescription, opened: Closable[]) => Device;
  /** The connection table is full: said once. */
  onFull?: (message: string) => void;
  /** Memory for the packets that the node makes itself; absent: any. */
  memory?: (size: number) => Memory & { readonly at?: number };
  /** Entries that there is memory for. */
  connections?: number;
}

export interface Closable {
  close(): void;
}

/** @throws LabError of what could not be opened or set. */
export function buildNode(d: RouterDescription, { clock, random, open, ...rest }: BuildParts): BuiltNode {
  const opened: Closable[] = [];
  const close = () => {
    for (const each of opened.splice(0).reverse()) each.close();
  };
  try {
    const arena = new Arena((rest.memory ?? addressed)(Arena.bytesFor(ARENA)), ARENA);
    const plane = new Plane({ clock, random, arena });
    attachPath(plane);
    addNeighbours(plane, clock, random);
    // A namespace is born with tunl0: it is the first where an interface without an address looks for one (`inet_select_addr`).
    for (const each of d.ipip) addIpip(plane, each);
    const ports: Interface[] = [];
    for (const port of d.ports) {
      const device = open(port, opened);
      opened.push(device);
      if (port.kind === 'tun') {
        plane.sockets = device;
        plane.lo.addresses.push(...port.addresses.map(parseCidr));
        continue;
      }
      ports.push(addPort(plane, port, device));
    }
    for (const v of d.vxlan) addVxlan(plane, v);
    setNetwork(plane, d, d);
    const onFull = rest.onFull === undefined ? {} : { onFull: rest.onFull };
    const conntrack = new Conntrack({
      clock,
      random,
      capacity: rest.connections ?? connectionsOf(d),
      wallClock: rest.wallClock ?? Date.now,
      ...onFull,
    });
    for (const [name, value] of Object.entries(d.sysctl)) setSysctl(plane, conntrack, name, value);
    plane.wrongTtl = d.faults.includes('wrong-ttl');
    return { plane, conntrack, ports, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The table is made once: a description that asks for more entries gets the memory for them. Raised later, the limit is that memory. */
const connectionsOf = ({ sysctl }: RouterDescription): number =>
  Math.min(MAX_ENTRIES, Math.max(DEFAULT_CONNECTIONS, ...CONNTRACK_MAX.map(name => sysctl[name] ?? 0)));

const CONNTRACK_MAX = ['net.netfilter.nf_conntrack_max', 'net.nf_conntrack_max'];
const ofConntrack = (name: string): boolean => name.startsWith('net.netfilter.') || CONNTRACK_MAX.includes(name);

export const getSysctl = (plane: Plane, conntrack: Conntrack, name: string): number =>
  (ofConntrack(name) ? conntrack.sysctl : plane.sysctls).get(name);

/** One set of names for both holders. @throws LabError BAD_INPUT for a name that neither knows */
export function setSysctl(plane: Plane, conntrack: Conntrack, name: string, value: number): void {
  (ofConntrack(name) ? conntrack.sysctl : plane.sysctls).set(name, value);
  plane.reassembly.timeMs = plane.sysctls.node.ipfrag_time * 1000;
  plane.reassembly.maxDist = plane.sysctls.node.ipfrag_max_dist;
}

function addPort(plane: Plane, port: PortDescription, device: Device): Interface {
  const link = port.bridge ? Link.Bridge : Link.Ethernet;
  const made = plane.add(port.name, link, device, device.mac, device.mtu);
  made.addresses = port.addresses.map(parseCidr);
  if (port.bridge) {
    const hairpin = port.bridge.hairpin;
    plane.bridge[made.id] = { nfCall: port.bridge.nfCall, hairpin: typeof hairpin === 'boolean' ? hairpin : hairpin.map(parseMac) };
  }
  return made;
}

function addVxlan(plane: Plane, v: RouterDescription['vxlan'][number]): void {
  const mac = v.mac === undefined ? randomMac(plane.random) : parseMac(v.mac);
  const made = plane.add(v.name, Link.Vxlan, null, mac, v.mtu);
  made.addresses = v.addresses.map(parseCidr);
  const tunnel = new Vxlan(made.id, {
    vni: v.vni,
    port: v.port,
    local: parseIpv4(v.local),
    mac,
    udpChecksum: v.udpChecksum,
    learning: v.learning,
    remotes: v.remotes.map(parseIpv4),
  });
  plane.vxlan[made.id] = tunnel;
  plane.vxlanPorts.push(tunnel);
}

function addIpip(plane: Plane, { name, local, mtu, addresses }: RouterDescription['ipip'][number]): void {
  const made = plane.add(name, Link.Ipip, null, NO_MAC, mtu);
  made.addresses = addresses.map(parseCidr);
  plane.ipip.push(new Ipip(made.id, parseIpv4(local), plane.clock));
}

/** Locally administered, unicast. */
function randomMac(random: Random): Uint8Array {
  const mac = Uint8Array.from({ length: 6 }, () => random.below(256));
  mac[0] = (mac[0]! & 0xfc) | 2;
  return mac;
}

function addNeighbours(plane: Plane, clock: Clock, random: Random): void {
  plane.neighbours = new Neighbours(clock, random, {
    solicit: (oif, address, entry, broadcast, waiting) =>
      solicit(plane, plane.interface(oif), address, broadcast ? null : plane.neighbours.macs, entry * 6, waiting),
    resolved: (p, entry) => resume(plane, p, entry),
    unreachable: p => giveUp(plane, p),
  });
}
