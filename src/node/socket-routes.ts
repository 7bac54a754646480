/**
 * What the kernel behind a TUN is told of the router's routes, so that the node's own sockets choose the address, and find the MTU, that they would on a
 * kernel node. Pure.
 */
import { formatCidr, formatIpv4, maskOf, parseCidr } from '../base/address.ts';
import type { RouterDescription } from './description.ts';
import type { MirroredRoute } from './route-mirror.ts';

/** What a kernel node would reach by `lo`, with its MTU of 65536: a socket offers this MSS there. */
const LOOPBACK_MSS = 65_495;

/** Asked before the kernel's own tables. */
export const SOCKETS_TABLE = 10;
/** RTPROT_*, of nobody else: the router's own routes in a daemon's table, which are not mirrored. */
export const ROUTER_PROTOCOL = 107;

interface Holder {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly mtu?: number | undefined;
}
/** In the order in which the router has them. */
const holders = (d: RouterDescription): Holder[] => [...d.ipip, ...d.ports, ...d.vxlan];

/** The node's addresses, for the TUN: the kernel takes what the router writes for them. */
export function socketAddresses(d: RouterDescription): string[] {
  const all = holders(d).flatMap(each => each.addresses.map(text => parseCidr(text).address));
  return [...new Set(all)].map(address => `${formatIpv4(address)}/32`);
}

/** Interfaces whose addresses a routing daemon is to see where they are: it looks for its neighbours in their networks. */
export const daemonAddresses = (d: RouterDescription): { dev: string; address: string }[] =>
  d.mirror === undefined ? [] : packetPorts(d).flatMap(p => p.addresses.map(address => ({ dev: p.interface ?? p.name, address })));

const packetPorts = (d: RouterDescription) => d.ports.filter(p => p.kind === 'packet');

/**
 * Words behind `ip route replace`, by those behind `ip route del`; `DEV` stands for the TUN. With a mirror the routes of the description stand in the
 * daemon's table too, as somebody's who is not the daemon.
 */
export function routeCommands(d: RouterDescription, mirrored: readonly MirroredRoute[]): Map<string, string> {
  const routes = new Map<string, string>();
  const put = (network: string, words: string, protocol: string | number, table: string | number) =>
    routes.set(`${network} proto ${protocol} table ${table}`, `${words} proto ${protocol} table ${table}`);
  for (const [network, words] of socketRoutes(d, mirrored)) put(network, words, 'boot', SOCKETS_TABLE);
  if (d.mirror) for (const [network, words] of daemonRoutes(d)) put(network, words, ROUTER_PROTOCOL, d.mirror.table);
  return routes;
}

/** As a kernel node has them: those that lead out by an interface that the daemon sees. It learns from them where its next hops are. */
function daemonRoutes(d: RouterDescription): Map<string, string> {
  const routes = new Map<string, string>();
  for (const r of d.routes) {
    if (r.type !== 'unicast' || r.mark !== undefined) continue;
    const [first, ...others] = (r.nexthops ?? [{ ...r, weight: 1 }]).flatMap(each => daemonWay(d, each));
    if (first === undefined) continue;
    const several = [first, ...others].map(({ words, weight }) => `nexthop ${words} weight ${weight}`);
    routes.set(r.to, `${r.to} ${others.length === 0 ? first.words : several.join(' ')}`);
  }
  return routes;
}

interface NextHop {
  readonly via?: string | undefined;
  readonly dev?: string | undefined;
  readonly weight: number;
}

function daemonWay(d: RouterDescription, { via, dev, weight }: NextHop): { words: string; weight: number }[] {
  const gateway = via === undefined ? undefined : parseCidr(via).address;
  const isNear = (p: Holder): boolean => gateway !== undefined && on(p, gateway) !== undefined;
  const port = packetPorts(d).find(p => (dev === undefined ? isNear(p) : p.name === dev));
  if (port === undefined) return [];
  const device = `dev ${port.interface ?? port.name}`;
  return [{ words: via === undefined ? device : `via ${via} ${device}${isNear(port) ? '' : ' onlink'}`, weight }];
}

/** By network, without the table. */
function socketRoutes(d: RouterDescription, mirrored: readonly MirroredRoute[]): Map<string, string> {
  const routes = new Map<string, string>();
  const add = (to: string, src: string | undefined, more = '') =>
    routes.set(to, `${to} dev DEV${src === undefined ? '' : ` src ${src}`}${more}`);
  for (const { to, type, source, mtu, nexthops } of mirrored)
    if (type !== 'unicast') routes.set(to, `${type} ${to}`);
    else add(to, source, isTunnel(d, nexthops[0]?.dev) ? ` mtu ${mtu}` : '');
  // A socket's packet has no mark before the router's OUTPUT gives it one. What is described stands above what is mirrored.
  for (const r of d.routes) {
    if (r.mark !== undefined) continue;
    const to = r.to;
    if (r.type !== 'unicast') routes.set(to, `${r.type} ${to}`);
    else {
      const tunnel = d.ipip.find(each => each.name === (r.nexthops?.[0]?.dev ?? r.dev));
      add(to, r.src ?? sourceOf(d, r.nexthops?.[0] ?? r), tunnel === undefined ? '' : ` mtu ${tunnel.mtu}`);
    }
  }
  for (const v of d.vxlan) for (const peer of v.peers) add(peer.subnet, firstAddress(d, v.name), mtuWords(v));
  for (const holder of holders(d))
    for (const text of holder.addresses) {
      const a = parseCidr(text);
      if (a.prefix < 32)
        add(formatCidr({ address: a.address & maskOf(a.prefix), prefix: a.prefix }), formatIpv4(a.address), mtuWords(holder));
    }
  for (const { addresses } of holders(d))
    for (const text of addresses) {
      const own = formatIpv4(parseCidr(text).address);
      add(own, own, ` advmss ${LOOPBACK_MSS}`);
    }
  add('127.0.0.0/8', '127.0.0.1', ` advmss ${LOOPBACK_MSS}`);
  return routes;
}

/** That of the interface by which the router sends: a socket offers the MSS that follows from it. */
const mtuWords = ({ mtu }: Holder): string => (mtu === undefined ? '' : ` mtu ${mtu}`);

const isTunnel = (d: RouterDescription, dev: string | undefined): boolean => d.ipip.some(each => each.name === dev);

function sourceOf(d: RouterDescription, { via, dev }: { via?: string | undefined; dev?: string | undefined }): string | undefined {
  if (dev !== undefined && via === undefined) return firstAddress(d, dev);
  const gateway = parseCidr(via ?? '0.0.0.0').address;
  const near = holders(d).find(each => each.name === (dev ?? each.name) && on(each, gateway) !== undefined);
  if (near !== undefined) return on(near, gateway);
  return dev === undefined ? undefined : firstAddress(d, dev);
}

/** The holder's address on the network of `gateway`. */
function on({ addresses }: Holder, gateway: number): string | undefined {
  for (const text of addresses) {
    const a = parseCidr(text);
    if (((a.address ^ gateway) & maskOf(a.prefix)) === 0) return formatIpv4(a.address);
  }
  return undefined;
}

/** Of an interface without one, the first that the node has (`inet_select_addr`). */
function firstAddress(d: RouterDescription, name: string): string | undefined {
  const first = (each: Holder | undefined) => each?.addresses[0];
  const text = first(holders(d).find(each => each.name === name)) ?? first(holders(d).find(each => each.addresses.length > 0));
  return text === undefined ? undefined : formatIpv4(parseCidr(text).address);
}
