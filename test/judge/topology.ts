/**
 * The two routers' common world: three interfaces, a few hosts on each whose MACs both sides know, and the driver at the far ends of
 * the wires. Addresses come from a small pool, so that tuples collide.
 */
import { formatMac } from '../../src/base/address.ts';
import type { RouterDescriptionInput } from '../../src/node/description.ts';

export interface Link {
  name: string;
  /** 10.0.N.0/24. */
  net: number;
  mtu: number;
  /** The router's own. */
  mac: string;
}

const mac = (a: number, b: number): string => formatMac(Uint8Array.of(2, 0, 0, 0, a, b));

export const links = [
  { name: 'a', net: 1, mtu: 1500, mac: mac(1, 1) },
  { name: 'b', net: 2, mtu: 1500, mac: mac(2, 1) },
  { name: 'c', net: 3, mtu: 1400, mac: mac(3, 1) },
] as const satisfies readonly Link[];
export type LinkName = (typeof links)[number]['name'];

/** All of them have a MAC; those whose questions the router may answer once a second only are drawn from all. */
export const everyHost = [0, ...Array.from({ length: 248 }, (_, i) => i + 2)];

/** Hosts .2 to .6 stand on each link; .5 and .6 of `c` are the gateways to 198.51.100.0/24 and to those far away. .250 sends sentinels. */
export const hosts = [2, 3, 4, 5, 6] as const;
export const SENTINEL_HOST = 250;
const hostMacs = new Map(
  links.flatMap(({ net }) => Array.from({ length: 256 }, (_, host) => [(net << 8) | host, mac(net, host)] as const)),
);
export const hostMac = (net: number, host: number): string => hostMacs.get((net << 8) | host)!;
export const address = (net: number, host: number): string => `10.0.${net}.${host}`;
export const routerAddress = (link: Link): string => address(link.net, 1);

/** 100.64.0.0/24 (RFC 6598) is on link `c` as well: hosts of which each is heard seldom. */
export const MANY = 256;
export const oneOfMany = (n: number): string => `100.64.0.${n}`;
/** Who sends sentinels lives behind a gateway, so that no router ever tells him of a shorter way. */
export const sentinelSource = (net: number): string => `172.20.${net}.250`;

const routes = [
  { to: '100.64.0.0/24', dev: 'c' },
  ...links.map(l => ({ to: `172.20.${l.net}.0/24`, via: address(l.net, 6), dev: l.name })),
  { to: '198.51.100.0/24', via: '10.0.3.5', dev: 'c' },
  { to: '203.0.113.0/24', via: '10.0.2.5', dev: 'b' },
  { to: '192.0.2.0/25', type: 'unreachable' as const },
  { to: '192.0.2.128/25', type: 'blackhole' as const },
];

/**
 * What both sides start with. Error limits and redirects are off: both are a matter of time, not of packets. Fragments
 * that were not completed go soon, so that the memory for them never fills: silently, because none of them is for the router.
 */
export const sysctl: Record<string, number> = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv4.icmp_ratemask': 0,
  'net.ipv4.ipfrag_time': 3,
  'net.ipv4.conf.all.send_redirects': 0,
  ...Object.fromEntries(links.map(l => [`net.ipv4.conf.${l.name}.send_redirects`, 0])),
};

/**
 * The kernel's alone. What it learns from errors about its own messages (path MTU) outlives a case, and the router does not learn it
 * (`on-purpose.ts`).
 */
export const kernelSysctl: Record<string, number> = { 'net.ipv4.ip_no_pmtu_disc': 2 };

const neighbours = [
  ...links.flatMap(l => [...everyHost, SENTINEL_HOST].map(h => ({ ip: address(l.net, h), mac: hostMac(l.net, h), dev: l.name }))),
  ...Array.from({ length: MANY }, (_, n) => ({ ip: oneOfMany(n), mac: hostMac(3, 7), dev: 'c' })).slice(1, -1),
];

export const description = (): RouterDescriptionInput => ({
  ports: links.map(l => ({
    name: l.name,
    kind: 'packet' as const,
    addresses: [`${routerAddress(l)}/24`],
    offload: false,
  })),
  neighbours,
  routes,
  sysctl: { ...sysctl },
});

/** `ip -batch` lines inside the kernel router's namespace. */
export const kernelCommands = (): string[] => [
  ...links.map(l => `address add ${routerAddress(l)}/24 brd + dev ${l.name}`),
  ...neighbours.map(n => `neigh add ${n.ip} lladdr ${n.mac} nud permanent dev ${n.dev}`),
  ...routes.map(r => ('type' in r ? `route add ${r.type} ${r.to}` : `route add ${r.to} ${'via' in r ? `via ${r.via} ` : ''}dev ${r.dev}`)),
];

/** Wires from the driver's namespace into a side's: the driver's end of link `a` is `SIDE-a`. */
export const driverEnd = (side: string, link: LinkName): string => `${side}-${link}`;

export const wireCommands = (side: string): string[] =>
  links.flatMap(l => [
    `link add ${driverEnd(side, l.name)} mtu 9000 type veth peer name ${l.name} address ${l.mac} mtu ${l.mtu} netns ${side}`,
    `link set dev ${driverEnd(side, l.name)} up`,
  ]);
