/**
 * What may change of a description while the router runs: where packets go next. Routes, VXLAN peers and permanent neighbours are taken
 * as a whole; the packets of one batch all see the old set or all the new one.
 */
import { maskOf, parseCidr, parseIpv4, parseMac } from '../base/address.ts';
import { LabError } from '../base/errors.ts';
import { type Route, RouteType, type Way } from '../router/fib.ts';
import type { Interface } from '../router/interface.ts';
import type { Plane } from '../router/plane.ts';
import { route, routesOfAddresses } from '../router/routes.ts';
import type { RouterDescription } from './description.ts';

type RouteDescription = RouterDescription['routes'][number];
export type Network = Pick<RouterDescription, 'vxlan' | 'routes' | 'neighbours'>;

/** Routes from elsewhere, over the router's own. */
export interface Mirror {
  over(plane: Plane, own: readonly Route[]): Route[];
}

/** @param before what is in force @throws LabError BAD_INPUT, and what is in force stays */
export function setNetwork(plane: Plane, before: Network, network: Network, mirror?: Mirror): void {
  const own = [...routesOfAddresses(allInterfaces(plane), plane.lo), ...describedRoutes(plane, network)];
  const routes = mirror === undefined ? own : [...own, ...mirror.over(plane, own)];
  const permanent = neighboursOf(plane, network);
  plane.setRoutes(routes);
  for (const v of network.vxlan)
    plane.vxlan[plane.byName(v.name)!.id]!.fdb.setPeers(v.peers.map(p => ({ mac: parseMac(p.mac), node: parseIpv4(p.node) })));
  const kept = new Set(permanent.map(n => `${n.oif} ${n.address}`));
  for (const { oif, address } of neighboursOf(plane, before)) if (!kept.has(`${oif} ${address}`)) plane.neighbours.forget(oif, address);
  for (const { oif, address, mac } of permanent) plane.neighbours.setPermanent(oif, address, mac);
}

const allInterfaces = (plane: Plane): Interface[] => plane.interfaces.filter(i => i !== null);

/** Those of the description, and each VXLAN peer's VTEP. */
function neighboursOf(plane: Plane, { vxlan, neighbours }: Network): { oif: number; address: number; mac: Uint8Array }[] {
  return [
    ...vxlan.flatMap(v => v.peers.map(p => ({ oif: tunnelNamed(plane, v.name), address: parseIpv4(p.vtep), mac: parseMac(p.mac) }))),
    ...neighbours.map(n => ({ oif: plane.byName(n.dev)!.id, address: parseIpv4(n.ip), mac: parseMac(n.mac) })),
  ];
}

function tunnelNamed(plane: Plane, name: string): number {
  const found = plane.byName(name);
  if (!found || plane.vxlan[found.id] === undefined)
    throw new LabError('BAD_INPUT', `vxlan "${name}": a device cannot be added while the router runs; start it anew`);
  return found.id;
}

/** Routes in the description, and one to each VXLAN peer's subnet by its VTEP, as flannel adds it (`onlink`). */
function describedRoutes(plane: Plane, d: Network): Route[] {
  const routes: Route[] = [];
  for (const v of d.vxlan)
    for (const p of v.peers) {
      const { address, prefix } = parseCidr(p.subnet);
      routes.push(
        route({
          network: address & maskOf(prefix),
          prefix,
          type: RouteType.Unicast,
          oif: plane.byName(v.name)!.id,
          via: parseIpv4(p.vtep),
        }),
      );
    }
  for (const r of d.routes) {
    const { address, prefix } = r.to === 'default' ? { address: 0, prefix: 0 } : parseCidr(r.to);
    const prefSrc = r.src === undefined ? 0 : parseIpv4(r.src);
    const ways = r.type === 'unicast' ? waysOf(plane, r) : [{ oif: plane.lo.id, via: 0, weight: 1 }];
    const { oif, via } = ways[0]!;
    routes.push(
      route({ network: address, prefix, type: routeTypes[r.type], oif, via, ways, prefSrc, metric: r.metric, mark: r.mark ?? 0 }),
    );
  }
  return routes;
}

function waysOf(plane: Plane, r: RouteDescription): Way[] {
  return (r.nexthops ?? [{ via: r.via, dev: r.dev, weight: 1 }]).map(({ via: text, dev, weight }) => {
    const via = text === undefined ? 0 : parseIpv4(text);
    return { oif: outInterface(plane, dev, via, r.to), via, weight };
  });
}

const routeTypes = {
  unicast: RouteType.Unicast,
  blackhole: RouteType.Blackhole,
  unreachable: RouteType.Unreachable,
  prohibit: RouteType.Prohibit,
} as const;

function outInterface(plane: Plane, dev: string | undefined, via: number, to: string): number {
  if (dev !== undefined) return plane.byName(dev)!.id;
  const found = allInterfaces(plane).find(i => i.onLink(via));
  if (!found) throw new LabError('BAD_INPUT', `route ${to}: the gateway is on no interface's network; add "dev"`);
  return found.id;
}
