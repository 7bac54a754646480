/**
 * Pure routing as Calico wires it: no bridge; the node's end of a pod's wire has no address, answers every ARP question with one and the same MAC,
 * and each pod is a route of its own (`cni-plugin/pkg/dataplane/linux`, felix `dataplane/linux/endpoint_mgr.go`). Pure.
 *
 *     pod                                      node
 *     eth0 10.244.1.2/32  -------------------  caliXXXXXXXXXXX ee:ee:ee:ee:ee:ee, proxy_arp
 *     169.254.1.1 dev eth0 scope link          10.244.1.2 dev caliXXXXXXXXXXX scope link
 *     default via 169.254.1.1 dev eth0         blackhole 10.244.1.0/26 proto bird
 */
import { createHash } from 'node:crypto';
import type { PortDescription, RouterDescription } from '../../node/description.ts';
import { CLUSTER_CIDR, LAN_MTU } from './addresses.ts';
import { type Command, offloadOff } from './command.ts';
import type { ClusterDeclaration } from './declaration.ts';
import type { CalicoNode, Node, PodNetwork, Route } from './model.ts';

/** Nobody has it: every pod's next hop. */
export const POD_GATEWAY = '169.254.1.1';
/** Of the node's end of every pod's wire. */
export const CALI_MAC = 'ee:ee:ee:ee:ee:ee';
/** `tunl0` is the fallback device of Linux's module ipip: it has no peer of its own, a route's next hop is the other end. 20 bytes are the outer header. */
export const IPIP = { device: 'tunl0', mtu: LAN_MTU - 20 } as const;

export const isCalico = (network: PodNetwork | undefined): boolean => network === 'calico-ipip' || network === 'calico-bgp';

/** The block of the pool (/26, Calico's default) that the node has taken: room for 64 addresses. */
export const blockOf = (n: number): string => `10.244.${n}.0/26`;
/** tunl0 takes its address out of the node's block. */
export const tunnelAddress = (n: number): string => `10.244.${n}.0`;

/** Calico's name for the node's end: unique, and at most 15 bytes (IFNAMSIZ). */
export const caliName = (pod: string, namespace = 'default'): string =>
  `cali${createHash('sha1').update(`${namespace}.${pod}`).digest('hex').slice(0, 11)}`;

/** @param hosts addresses of all nodes */
export function calicoNode(lab: ClusterDeclaration, number: number, hosts: readonly string[]): CalicoNode | undefined {
  if (!isCalico(lab.podNetwork)) return undefined;
  const ipip = { mode: lab.ipip ?? 'always', address: tunnelAddress(number) } as const;
  return { block: blockOf(number), hosts, ...(lab.podNetwork === 'calico-ipip' ? { ipip } : {}) };
}

export const podRoutes: readonly Route[] = [
  { to: POD_GATEWAY, dev: 'eth0' },
  { to: 'default', via: POD_GATEWAY, dev: 'eth0' },
];

/** To each pod of the node. */
export const routesToPods = (node: Node): Route[] => node.pods.map(pod => ({ to: `${pod.address}/32`, dev: caliName(pod.name) }));

/** What felix writes for each of these interfaces (`configureProcSysForInterface`). rp_filter stays what the node has by default. */
const sysctls = (name: string): Readonly<Record<string, number>> => ({
  [`net.ipv4.conf.${name}.route_localnet`]: 1,
  [`net.ipv4.neigh.${name}.proxy_delay`]: 0,
  [`net.ipv4.conf.${name}.proxy_arp`]: 1,
  [`net.ipv4.conf.${name}.forwarding`]: 1,
});

/** On a kernel node, when its wires are there. */
export function calicoCommands(namespace: string, { pods, calico }: Node): Command[] {
  const words = pods.flatMap(pod => Object.entries(sysctls(caliName(pod.name))).map(([key, value]) => `${key}=${value}`));
  return [
    ...(words.length === 0 ? [] : [{ tool: 'exec', namespace, argv: ['sysctl', '-q', '-w', ...words] } as const]),
    ...(calico?.ipip === undefined ? [] : tunnel(namespace, calico.ipip.address)),
  ];
}

const tunnel = (namespace: string, address: string): Command[] => [
  { tool: 'ip', namespace, lines: [`link set ${IPIP.device} mtu ${IPIP.mtu} up`, `address add ${address}/32 dev ${IPIP.device}`] },
  offloadOff(namespace, IPIP.device),
];

/** The same for a userspace node: a packet socket on each pod's wire, and the tunnel in the router. */
export function calicoRouter({ address, pods, podMtu, calico }: Node): Pick<RouterDescription, 'ports' | 'ipip' | 'sysctl' | 'mirror'> {
  const port = (pod: Node['pods'][number]): PortDescription => ({
    name: caliName(pod.name),
    kind: 'packet',
    mac: CALI_MAC,
    mtu: podMtu,
    offload: false,
    addresses: [],
  });
  const { ipip } = calico!;
  const tunnelled = ipip === undefined ? {} : { tunnel: IPIP.device, mode: ipip.mode };
  return {
    ports: pods.map(port),
    ipip:
      ipip === undefined ? [] : [{ name: IPIP.device, local: address.split('/')[0]!, mtu: IPIP.mtu, addresses: [`${ipip.address}/32`] }],
    sysctl: Object.fromEntries(pods.map(pod => [`net.ipv4.conf.${caliName(pod.name)}.proxy_arp`, 1])),
    mirror: { table: 'main', mode: 'always', pool: CLUSTER_CIDR, ...tunnelled },
  };
}
