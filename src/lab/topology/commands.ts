/**
 * The commands that build a topology, as named steps. Pure: what is printed by `--verbose` is what runs. Lines for one namespace go to
 * one `ip -batch` (one process for dozens of changes); each is still a command that can be pasted.
 */
import { macFor, vtepAddress } from './addresses.ts';
import { calicoCommands } from './calico.ts';
import { type Command, offloadOff, type Step } from './command.ts';
import { flannel } from './flannel.ts';
import type { Bridge, Namespace, Node, Topology, Wire, WireEnd } from './model.ts';

/** What is to be built: a whole topology, or what one has more than another. */
export interface Part extends Pick<Topology, 'namespaces' | 'wires'> {
  /** Namespaces that stand already: they get no more than the ends of the wires. */
  readonly standing?: readonly string[];
}

/** Everything up to the point where nodes and pods may start. */
export function buildSteps({ namespaces, wires, standing = [] }: Part): Step[] {
  const named = (ns: Namespace) => `netns add ${ns.name}`;
  const ends = (namespace: string) => wires.flatMap(wire => wire.ends).filter(end => end.namespace === namespace);
  const steps: Step[] = [
    { name: 'namespaces', parallel: namespaces.length === 0 ? [] : [[{ tool: 'ip', lines: namespaces.map(named) }]] },
    { name: 'sysctls', parallel: namespaces.map(ns => [sysctls(ns.name, ns.sysctls)]) },
    { name: 'bridges and wires', parallel: [[{ tool: 'ip', lines: [...namespaces.flatMap(bridges), ...wires.map(veth)] }]] },
    {
      name: 'addresses, ports and routes',
      parallel: [
        ...namespaces.map(ns => [configure(ns, ends(ns.name)), ...offload(ends(ns.name))]),
        ...standing.map(name => [plug(name, ends(name)), ...offload(ends(name))]),
      ],
    },
    { name: 'flannel', parallel: namespaces.filter(hasFlannel).map(ns => flannel(ns.name, ns.node!)) },
    { name: 'calico', parallel: namespaces.filter(isCalicoKernel).map(ns => calicoCommands(ns.name, ns.node!)) },
    {
      name: 'taps',
      parallel: [
        ...namespaces.filter(hasTap).map(ns => [...tap(ns.name, ns.node!), ...fromPodToTap(ns.name, wires)]),
        ...standing.map(name => fromPodToTap(name, wires)).filter(commands => commands.length > 0),
      ],
    },
  ];
  return steps.filter(step => step.parallel.length > 0);
}

const hasFlannel = (ns: Namespace): boolean => ns.node?.plane === 'kernel' && (ns.node.tunnel || ns.node.peers.length > 0);
const isCalicoKernel = (ns: Namespace): boolean => ns.node?.plane === 'kernel' && ns.node.calico !== undefined;
const hasTap = (ns: Namespace): boolean => ns.node?.plane === 'userspace' && ns.bridges.length > 0;

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

const addresses = ({ name, addresses }: Bridge | WireEnd): string[] => addresses.map(address => `address add ${address} dev ${name}`);
const endUp = (end: WireEnd): string[] => [...(end.bridge === undefined ? [] : port(end)), `link set ${end.name} up`, ...addresses(end)];

function configure(ns: Namespace, ends: readonly WireEnd[]): Command {
  const lines = [
    'link set lo up',
    ...ns.bridges.flatMap(b => [`link set ${b.name} mtu ${b.mtu} up`, ...addresses(b)]),
    ...ends.flatMap(endUp),
    ...ns.routes.map(r => `route add ${r.to}${r.via === undefined ? '' : ` via ${r.via}`}${r.dev === undefined ? '' : ` dev ${r.dev}`}`),
  ];
  return { tool: 'ip', namespace: ns.name, lines };
}

const plug = (namespace: string, ends: readonly WireEnd[]): Command => ({ tool: 'ip', namespace, lines: ends.flatMap(endUp) });

function port(end: WireEnd): string[] {
  const flags = `${end.isolated ? ' isolated on' : ''}${end.hairpin ? ' hairpin on' : ''}`;
  return [`link set ${end.name} master ${end.bridge}`, ...(flags === '' ? [] : [`link set ${end.name} type bridge_slave${flags}`])];
}

const offload = (ends: readonly WireEnd[]): Command[] => ends.map(end => offloadOff(end.namespace, end.name));

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

function fromPodToTap(namespace: string, wires: readonly Wire[]): Command[] {
  const ends = wires.flatMap(({ ends: [a, b] }) => [
    { port: a, mac: b.mac },
    { port: b, mac: a.mac },
  ]);
  const pods = ends.filter(({ port }) => port.namespace === namespace && port.isolated);
  return portsToTap(
    namespace,
    pods.map(({ port, mac }) => ({ name: port.name, mac })),
  );
}

/**
 * Where the rules are called at layer 2, frames between pods must come by the router, although they bear the other pod's MAC: what is for one
 * receiver is taken to the tap before the bridge sees it. The bridge is told where the pods are, since it hears little of them itself.
 */
export function portsToTap(namespace: string, ports: readonly { readonly name: string; readonly mac: string }[]): Command[] {
  if (ports.length === 0) return [];
  const chains = ports.map(
    ({ name }) =>
      `add chain netdev between_pods ${name} { type filter hook ingress device ${name} priority -500; }; ` +
      `add rule netdev between_pods ${name} ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 fwd to "${TAP}"`,
  );
  return [
    { tool: 'bridge', namespace, lines: ports.map(({ name, mac }) => `fdb replace ${mac} dev ${name} master static`) },
    { tool: 'exec', namespace, argv: ['nft', ['add table netdev between_pods', ...chains].join('; ')] },
  ];
}

/** For a port that is gone. */
export const forgetPort = (namespace: string, name: string): Command => ({
  tool: 'exec',
  namespace,
  argv: ['nft', `delete chain netdev between_pods ${name}`],
});

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
