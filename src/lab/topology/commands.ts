/**
 * The commands that build a topology, as named steps. Pure: what is printed by `--verbose` is what runs. Lines for one namespace go to
 * one `ip -batch` (one process for dozens of changes); each is still a command that can be pasted.
 */
import { macFor, POD_MTU, podCidr, VXLAN, vtepAddress } from './addresses.ts';
import type { Bridge, Namespace, Node, Peer, Topology, Wire, WireEnd } from './model.ts';

/** One process. */
export type Command =
  | { readonly tool: 'ip' | 'bridge'; readonly namespace?: string; readonly lines: readonly string[] }
  | { readonly tool: 'exec'; readonly namespace: string; readonly argv: readonly string[]; readonly stdin?: string };

/** Lists of commands that may run beside each other; the commands of one list run in order. */
export interface Step {
  readonly name: string;
  readonly parallel: readonly (readonly Command[])[];
}

/** Everything up to the point where nodes and pods may start. */
export function buildSteps(topology: Topology): Step[] {
  const steps: Step[] = [
    { name: 'namespaces', parallel: [[{ tool: 'ip', lines: topology.namespaces.map(ns => `netns add ${ns.name}`) }]] },
    { name: 'sysctls', parallel: topology.namespaces.map(ns => [sysctls(ns.name, ns.sysctls)]) },
    {
      name: 'bridges and wires',
      parallel: [[{ tool: 'ip', lines: [...topology.namespaces.flatMap(bridges), ...topology.wires.map(veth)] }]],
    },
    { name: 'addresses, ports and routes', parallel: topology.namespaces.map(ns => [configure(ns, topology), ...offload(ns, topology)]) },
    { name: 'flannel', parallel: topology.namespaces.filter(isKernelNode).map(ns => flannel(ns.name, ns.node!)) },
    { name: 'taps', parallel: topology.namespaces.filter(hasTap).map(ns => tap(ns.name, ns.node!)) },
  ];
  return steps.filter(step => step.parallel.length > 0);
}

const isKernelNode = (ns: Namespace): boolean => ns.node?.plane === 'kernel' && ns.node.peers.length > 0;
const hasTap = (ns: Namespace): boolean => ns.node?.plane === 'userspace' && ns.node.pods.length > 0;

const sysctls = (namespace: string, values: Readonly<Record<string, number>>): Command => ({
  tool: 'exec',
  namespace,
  argv: ['sysctl', '-q', '-w', ...Object.entries(values).map(([key, value]) => `${key}=${value}`)],
});

/** Spanning tree is off, so ports forward at once; multicast snooping is off, so that the bridge sends nothing of its own. */
const bridges = (ns: Namespace): string[] =>
  ns.bridges.map(b => `link add name ${b.name} netns ${ns.name} address ${b.mac} type bridge stp_state 0 mcast_snooping 0`);

function veth({ mtu, ends: [a, b] }: Wire): string {
  const end = (e: WireEnd) => `name ${e.name} netns ${e.namespace} address ${e.mac} mtu ${mtu}`;
  return `link add ${end(a)} type veth peer ${end(b)}`;
}

const endsOf = (ns: Namespace, topology: Topology): WireEnd[] =>
  topology.wires.flatMap(wire => wire.ends).filter(end => end.namespace === ns.name);

function configure(ns: Namespace, topology: Topology): Command {
  const ends = endsOf(ns, topology);
  const addresses = ({ name, addresses }: Bridge | WireEnd) => addresses.map(address => `address add ${address} dev ${name}`);
  const lines = [
    'link set lo up',
    ...ns.bridges.flatMap(b => [`link set ${b.name} mtu ${b.mtu} up`, ...addresses(b)]),
    ...ends.flatMap(end => [...(end.bridge === undefined ? [] : port(end)), `link set ${end.name} up`, ...addresses(end)]),
    ...ns.routes.map(r => `route add ${r.to}${r.via === undefined ? '' : ` via ${r.via}`}${r.dev === undefined ? '' : ` dev ${r.dev}`}`),
  ];
  return { tool: 'ip', namespace: ns.name, lines };
}

function port(end: WireEnd): string[] {
  const flags = `${end.isolated ? ' isolated on' : ''}${end.hairpin ? ' hairpin on' : ''}`;
  return [`link set ${end.name} master ${end.bridge}`, ...(flags === '' ? [] : [`link set ${end.name} type bridge_slave${flags}`])];
}

/** Offload leaves partial checksums and segments larger than the MTU on a veth: a capture would show what no wire carries. */
const offload = (ns: Namespace, topology: Topology): Command[] => endsOf(ns, topology).map(end => offloadOff(ns.name, end.name));
const offloadOff = (namespace: string, name: string): Command => ({
  tool: 'exec',
  namespace,
  argv: ['ethtool', '-K', name, 'tx', 'off', 'rx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'],
});

/** VTEP of node n: flannel writes it into the node's annotation, here it follows from the address. */
export const vtepMac = (n: number): string => macFor('vtep', vtepAddress(n));

/** What flannel programs, in its order per remote node: ARP entry, forwarding entry, onlink route (`pkg/backend/vxlan`); or a route alone. */
function flannel(namespace: string, node: Node): Command[] {
  const tunnelled = node.peers.filter(peer => peer.way === 'tunnel');
  const routed = node.peers.filter(peer => peer.way === 'route');
  return [
    ...(node.tunnel ? tunnel(namespace, node) : []),
    ...(tunnelled.length > 0 ? tunnelPeers(namespace, tunnelled) : []),
    ...(routed.length > 0 ? [{ tool: 'ip', namespace, lines: routed.map(direct) } as const] : []),
  ];
}

function tunnel(namespace: string, node: Node): Command[] {
  const { vni, port, device } = VXLAN;
  const local = node.address.split('/')[0]!;
  return [
    {
      tool: 'ip',
      namespace,
      lines: [
        `link add ${device} address ${vtepMac(node.number)} mtu ${POD_MTU} type vxlan id ${vni} local ${local} dev eth0 dstport ${port} nolearning`,
        `address add ${vtepAddress(node.number)}/32 dev ${device}`,
        `link set ${device} up`,
      ],
    },
    offloadOff(namespace, device),
  ];
}

function tunnelPeers(namespace: string, peers: readonly Peer[]): Command[] {
  const { device } = VXLAN;
  const neighbour = ({ number: n }: Peer) => `neighbour replace ${vtepAddress(n)} lladdr ${vtepMac(n)} dev ${device} nud permanent`;
  const forwarding = ({ number: n, address }: Peer) => `fdb replace ${vtepMac(n)} dev ${device} dst ${address} self permanent`;
  const route = ({ number: n }: Peer) => `route replace ${podCidr(n)} via ${vtepAddress(n)} dev ${device} onlink`;
  return [
    { tool: 'ip', namespace, lines: peers.map(neighbour) },
    { tool: 'bridge', namespace, lines: peers.map(forwarding) },
    { tool: 'ip', namespace, lines: peers.map(route) },
  ];
}

const direct = ({ number, address }: Peer): string => `route replace ${podCidr(number)} via ${address} dev eth0`;

/** The device under the router's `cni0`. */
export const TAP = 'tap0';

/**
 * The router's port of cni0. Learning is off on it: the router forwards pod to pod frames with the sender's MAC, and the bridge would
 * otherwise learn that the sender sits behind the tap. The gateway's MAC is therefore told to the bridge.
 */
function tap(namespace: string, node: Node): Command[] {
  const gateway = vtepAddress(node.number).replace(/0$/, '1');
  return [
    {
      tool: 'ip',
      namespace,
      lines: [
        `tuntap add dev ${TAP} mode tap`,
        `link set ${TAP} address ${macFor('tap', gateway)} mtu ${node.podMtu} master cni0`,
        `link set ${TAP} type bridge_slave learning off`,
        `link set ${TAP} up`,
      ],
    },
    offloadOff(namespace, TAP),
    silence(namespace, 'cni0'),
    { tool: 'bridge', namespace, lines: [`fdb replace ${macFor('pod', gateway)} dev ${TAP} master static`] },
  ];
}

/**
 * The bridge hands broadcasts to the kernel as well, which would answer ARP for the addresses on the TUN beside the router. Ports and the
 * tap stand before this hook and still see every frame.
 */
const silence = (namespace: string, name: string): Command => ({
  tool: 'exec',
  namespace,
  argv: [
    'nft',
    `add table netdev silence_${name}; add chain netdev silence_${name} ingress { type filter hook ingress device ${name} priority -500; policy drop; }`,
  ],
});

/** As a person would type it. */
export function commandLines(command: Command): string[] {
  const enter = command.namespace === undefined ? '' : ` -n ${command.namespace}`;
  if (command.tool !== 'exec') return command.lines.map(line => `${command.tool}${enter} ${line}`);
  const argv = command.argv.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
  return [`ip netns exec ${command.namespace} ${argv}`];
}
