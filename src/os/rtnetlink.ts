/**
 * Links, IPv4 addresses, routes and neighbours as the kernel has them (rtnetlink(7)), and a monitor of their changes. A reader of what `ip`
 * configures: changes are made with `ip` itself. Everything is about the network namespace of the thread that calls.
 */
import type { Ipv4 } from '../base/address.ts';
import { AF_INET } from './libc.ts';
import { type Attributes, attributes, type NetlinkMessage, NetlinkSocket } from './netlink.ts';

const NETLINK_ROUTE = 0;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

// RTMGRP_LINK, RTMGRP_NEIGH, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE
const GROUPS = { link: 1, neighbour: 4, address: 0x10, route: 0x40 } as const;

export interface Link {
  ifindex: number;
  name: string;
  /** IFF_*: 1 up, 0x40 running. */
  flags: number;
  mtu: number;
  /** Empty where the link has none (TUN). */
  mac: Uint8Array;
  /** ifindex of the bridge it is a port of, 0 for none. */
  master: number;
}

export interface Address {
  ifindex: number;
  address: Ipv4;
  prefix: number;
  /** undefined: the address has none. */
  broadcast: Ipv4 | undefined;
  /** `enum rt_scope_t`: 0 global, 253 link, 254 host. */
  scope: number;
}

export interface Route {
  destination: Ipv4;
  prefix: number;
  /** 254 main, 255 local. */
  table: number;
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, 6 blackhole, 7 unreachable, 8 prohibit. */
  type: number;
  protocol: number;
  scope: number;
  metric: number;
  prefSrc: Ipv4 | undefined;
  mtu: number | undefined;
  /** One per way out; several for ECMP. Weight from 1. Empty for blackhole and its like. */
  nexthops: { ifindex: number; gateway: Ipv4 | undefined; weight: number; onlink: boolean }[];
}

export interface Neighbour {
  ifindex: number;
  address: Ipv4;
  /** undefined while it is not resolved. */
  mac: Uint8Array | undefined;
  /** NUD_*: 1 incomplete, 2 reachable, 4 stale, 8 delay, 0x10 probe, 0x20 failed, 0x40 noarp, 0x80 permanent. */
  state: number;
}

/** `lost`: the kernel could not tell everything; read it all again. */
export type RouteEvent =
  | { kind: 'link'; deleted: boolean; link: Link }
  | { kind: 'address'; deleted: boolean; address: Address }
  | { kind: 'route'; deleted: boolean; route: Route }
  | { kind: 'neighbour'; deleted: boolean; neighbour: Neighbour }
  | { kind: 'lost' };

/** @throws LabError OS */
export const links = (): Link[] => ask(RTM_GETLINK, new Uint8Array(16), 'links').map(m => link(m.body));
export const addresses = (): Address[] => ask(RTM_GETADDR, family(8), 'IPv4 addresses').map(m => address(m.body));
/** Routes of all tables. */
export const routes = (): Route[] => ask(RTM_GETROUTE, family(12), 'IPv4 routes').map(m => route(m.body));
export const neighbours = (): Neighbour[] => ask(RTM_GETNEIGH, family(12), 'IPv4 neighbours').map(m => neighbour(m.body));

function family(size: number): Uint8Array {
  const body = new Uint8Array(size);
  body[0] = AF_INET;
  return body;
}

function ask(type: number, body: Uint8Array, what: string): NetlinkMessage[] {
  const socket = new NetlinkSocket(NETLINK_ROUTE);
  try {
    return socket.dump(type, body, what);
  } finally {
    socket.close();
  }
}

/** What the kernel counts of one interface; goes on reading in the namespace where it was made. */
export class LinkStatistics {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  readonly #ifindex: number;

  constructor(ifindex: number) {
    this.#ifindex = ifindex;
  }
  /** Frames that the kernel could not send on it: for a TUN or TAP those that its queue had no room for. undefined when it is gone. */
  txDropped(): number | undefined {
    const found = this.#socket.dump(RTM_GETLINK, new Uint8Array(16), 'links').find(m => m.body.getInt32(4, true) === this.#ifindex);
    // IFLA_STATS64 23, struct rtnl_link_stats64: tx_dropped is its eighth 64-bit word.
    const words = found && attributes(found.body, 16).get(23);
    return words && words.getUint32(56, true) + words.getUint32(60, true) * 0x1_0000_0000;
  }
  close(): void {
    this.#socket.close();
  }
}

/** Hears of changes. Put `fd` into a poll set, or call `changes` now and then. */
export class RouteMonitor {
  readonly #socket: NetlinkSocket;

  constructor(kinds: readonly (keyof typeof GROUPS)[] = ['link', 'address', 'route', 'neighbour']) {
    let groups = 0;
    for (const kind of kinds) groups |= GROUPS[kind];
    this.#socket = new NetlinkSocket(NETLINK_ROUTE, groups);
  }
  get fd(): number {
    return this.#socket.fd;
  }
  /** All changes since the last call, oldest first. Does not wait. */
  changes(): RouteEvent[] {
    const heard = this.#socket.heard();
    return heard === undefined ? [{ kind: 'lost' }] : heard.flatMap(event);
  }
  close(): void {
    this.#socket.close();
  }
}

function event({ type, body }: NetlinkMessage): RouteEvent[] {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // A bridge tells of its ports in the same words with family AF_BRIDGE: a port that leaves is no link that is deleted.
      return body.getUint8(0) === 0 ? [{ kind: 'link', deleted: type === RTM_DELLINK, link: link(body) }] : [];
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return [{ kind: 'address', deleted: type === RTM_DELADDR, address: address(body) }];
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return [{ kind: 'route', deleted: type === RTM_DELROUTE, route: route(body) }];
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return body.getUint8(0) === AF_INET ? [{ kind: 'neighbour', deleted: type === RTM_DELNEIGH, neighbour: neighbour(body) }] : [];
    default:
      return [];
  }
}

const u32 = (a: Attributes, type: number, otherwise: number): number => a.get(type)?.getUint32(0, true) ?? otherwise;
/** Addresses are in network order. */
const ipv4 = (a: Attributes, type: number): Ipv4 | undefined => {
  const v = a.get(type);
  return v?.byteLength === 4 ? v.getInt32(0, false) : undefined;
};
const bytes = (v: DataView | undefined): Uint8Array =>
  v ? new Uint8Array(v.buffer, v.byteOffset, v.byteLength).slice() : new Uint8Array(0);

/** struct ifinfomsg: 0 family (8), 2 type (16), 4 ifindex, 8 flags, 12 change. IFLA_ADDRESS 1, IFNAME 3, MTU 4, MASTER 10. */
function link(body: DataView): Link {
  const a = attributes(body, 16);
  const name = Buffer.from(bytes(a.get(3)));
  return {
    ifindex: body.getInt32(4, true),
    name: name.subarray(0, name.indexOf(0)).toString(),
    flags: body.getUint32(8, true),
    mtu: u32(a, 4, 0),
    mac: bytes(a.get(1)),
    master: u32(a, 10, 0),
  };
}

/** struct ifaddrmsg: 0 family, 1 prefixlen, 2 flags, 3 scope (8 each), 4 ifindex. IFA_ADDRESS 1 (the peer's, if there is one), LOCAL 2, BROADCAST 4. */
function address(body: DataView): Address {
  const a = attributes(body, 8);
  return {
    ifindex: body.getInt32(4, true),
    address: ipv4(a, 2) ?? ipv4(a, 1) ?? 0,
    prefix: body.getUint8(1),
    broadcast: ipv4(a, 4),
    scope: body.getUint8(3),
  };
}

/**
 * struct rtmsg: 0 family, 1 dst_len, 2 src_len, 3 tos, 4 table, 5 protocol, 6 scope, 7 type (8 each), 8 flags (32).
 * RTA_DST 1, OIF 4, GATEWAY 5, PRIORITY 6, PREFSRC 7, METRICS 8 (RTAX_MTU 2 inside), MULTIPATH 9, TABLE 15.
 */
function route(body: DataView): Route {
  const a = attributes(body, 12);
  const metrics = a.get(8);
  const multipath = a.get(9);
  const oif = a.get(4);
  const nexthops = multipath ? nexthopsOf(multipath) : [];
  if (oif) nexthops.push({ ifindex: oif.getInt32(0, true), gateway: ipv4(a, 5), weight: 1, onlink: onlink(body.getUint32(8, true)) });
  return {
    destination: ipv4(a, 1) ?? 0,
    prefix: body.getUint8(1),
    table: u32(a, 15, body.getUint8(4)),
    type: body.getUint8(7),
    protocol: body.getUint8(5),
    scope: body.getUint8(6),
    metric: u32(a, 6, 0),
    prefSrc: ipv4(a, 7),
    mtu: metrics ? attributes(metrics, 0).get(2)?.getUint32(0, true) : undefined,
    nexthops,
  };
}

const RTNH_F_ONLINK = 4;
const onlink = (flags: number): boolean => (flags & RTNH_F_ONLINK) !== 0;

/** struct rtnexthop: 0 len (16), 2 flags (8), 3 hops = weight - 1 (8), 4 ifindex; then attributes. */
function nexthopsOf(v: DataView): Route['nexthops'] {
  const found: Route['nexthops'] = [];
  for (let at = 0; at + 8 <= v.byteLength; ) {
    const length = v.getUint16(at, true);
    if (length < 8 || at + length > v.byteLength) break;
    const one = new DataView(v.buffer, v.byteOffset + at, length);
    found.push({
      ifindex: one.getInt32(4, true),
      gateway: ipv4(attributes(one, 8), 5),
      weight: one.getUint8(3) + 1,
      onlink: onlink(one.getUint8(2)),
    });
    at += (length + 3) & ~3;
  }
  return found;
}

/** struct ndmsg: 0 family (8), 4 ifindex, 8 state (16), 10 flags, 11 type. NDA_DST 1, LLADDR 2. */
function neighbour(body: DataView): Neighbour {
  const a = attributes(body, 12);
  const mac = bytes(a.get(2));
  return {
    ifindex: body.getInt32(4, true),
    address: ipv4(a, 1) ?? 0,
    mac: mac.length === 6 ? mac : undefined,
    state: body.getUint16(8, true),
  };
}
