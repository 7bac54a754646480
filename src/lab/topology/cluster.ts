/** From what a lab declares (nodes, pods, clients) to its whole network. Pure. */
import { gatewayAddress, LAN_MTU, macFor, nodeNumber, UPSTREAM_LAN, UPSTREAM_OUTSIDE } from './addresses.ts';
import { isCalico, podRoutes, routesToPods } from './calico.ts';
import { describeNode, podsOf } from './cluster-nodes.ts';
import { directWire, hasFar, hops, wires } from './cluster-wires.ts';
import { type ClusterDeclaration, type PodDeclaration, validate } from './declaration.ts';
import { LINKS, withRelays } from './links.ts';
import type { Namespace, Node, Plane, Topology } from './model.ts';
import { nodeSpeaker, torNames, torSpeaker } from './speakers.ts';

/** Sysctls of every namespace of every lab. IPv6 would talk by itself; redirects would teach hosts ways around a router. */
export const QUIET = {
  'net.ipv6.conf.all.disable_ipv6': 1,
  'net.ipv6.conf.default.disable_ipv6': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
} as const;
const BRIDGE_NF = 'net.bridge.bridge-nf-call-iptables';
const FORWARD = 'net.ipv4.ip_forward';
/** kube-proxy turns it on for node ports on 127.0.0.1. */
const LOCALNET = 'net.ipv4.conf.all.route_localnet';

/** @throws LabError BAD_INPUT for a declaration that cannot be built. */
export function clusterTopology(lab: ClusterDeclaration, planeOf: (node: string) => Plane): Topology {
  validate(lab);
  const single = lab.network === 'wire';
  const nodes = lab.nodes.map(name => describeNode(lab, name, planeOf(name)));
  const hosts = [...Object.entries(lab.outside ?? {}), ...Object.entries(lab.beside ?? {})];
  const namespaces: Namespace[] = [
    ...hosts.map(([name]) => clientNamespace(lab, name)),
    ...(single ? [] : [upstreamNamespace(), lanNamespace('lan0'), ...(hasFar(lab) ? [lanNamespace('lan1')] : [])]),
    ...(lab.faults === undefined ? [] : [linksNamespace()]),
    ...torNames(lab).map((name, i) => torNamespace(lab, name, i)),
    ...lab.nodes.map((name, i) => nodeNamespace(lab, name, nodes[i]!)),
    ...Object.entries(lab.pods ?? {}).map(([name, pod]) => podNamespace(lab, name, pod)),
  ];
  const all = withRelays(lab, single ? [directWire(lab, nodes[0]!)] : wires(lab, nodes));
  return { namespaces, ...all, hops: hops(lab, nodes) };
}

const leaf = { bridges: [], routes: [] } as const;

function clientNamespace(lab: ClusterDeclaration, name: string): Namespace {
  const via = lab.outside?.[name] === undefined ? UPSTREAM_LAN : UPSTREAM_OUTSIDE;
  const routes = lab.network === 'wire' ? [] : [{ to: 'default', via }];
  return { ...leaf, name, role: 'client', sysctls: { ...QUIET, [FORWARD]: 0, [BRIDGE_NF]: 0 }, routes };
}

/** Always a kernel router: it joins the outside to lan0 and is no part of what is compared. */
function upstreamNamespace(): Namespace {
  const out0 = { name: 'out0', mac: macFor('host', UPSTREAM_OUTSIDE), mtu: LAN_MTU, addresses: [`${UPSTREAM_OUTSIDE}/24`] };
  return { ...leaf, name: 'upstream', role: 'upstream', sysctls: { ...QUIET, [FORWARD]: 1, [BRIDGE_NF]: 0 }, bridges: [out0] };
}

function lanNamespace(name: 'lan0' | 'lan1'): Namespace {
  const lan = { name, mac: macFor('bridge', name === 'lan0' ? '192.168.56.0' : '192.168.57.0'), mtu: LAN_MTU, addresses: [] };
  return { ...leaf, name, role: 'switch', sysctls: { ...QUIET, [FORWARD]: 0, [BRIDGE_NF]: 0 }, bridges: [lan] };
}

/** Between the halves of wires on which things go wrong. The kernel has no part in it. */
const linksNamespace = (): Namespace => ({ ...leaf, name: LINKS, role: 'links', sysctls: { ...QUIET, [FORWARD]: 0 } });

/** A kernel router with a BGP daemon, on the network of each rack. */
function torNamespace(lab: ClusterDeclaration, name: string, index: number): Namespace {
  const routes = [{ to: 'default', via: UPSTREAM_LAN }];
  return { ...leaf, name, role: 'tor', sysctls: { ...QUIET, [FORWARD]: 1, [BRIDGE_NF]: 0 }, routes, speaker: torSpeaker(lab, index) };
}

/** On a kernel node cni0 is the gateway; under a userspace node the same bridge only switches, and the gateway is the router on its tap. */
function nodeNamespace(lab: ClusterDeclaration, name: string, node: Node): Namespace {
  const kernel = node.plane === 'kernel';
  const gateway = gatewayAddress(node.number);
  const speaker = nodeSpeaker(lab, name, node.plane);
  const out = node.gateway === undefined ? [] : [{ to: 'default', via: node.gateway }];
  const cni0 = {
    name: 'cni0',
    mac: macFor(kernel ? 'pod' : 'bridge', gateway),
    mtu: node.podMtu,
    addresses: kernel ? [`${gateway}/24`] : [],
  };
  return {
    ...leaf,
    name,
    role: 'node',
    sysctls: { ...QUIET, [FORWARD]: kernel ? 1 : 0, [LOCALNET]: kernel ? 1 : 0, [BRIDGE_NF]: kernel && node.bridgeNf ? 1 : 0 },
    bridges: node.bridge ? [cni0] : [],
    routes: kernel ? [...out, ...(node.calico === undefined ? [] : routesToPods(node))] : [],
    node,
    ...(speaker === undefined ? {} : { speaker }),
  };
}

function podNamespace(lab: ClusterDeclaration, name: string, pod: PodDeclaration): Namespace {
  const { address, port } = podsOf(lab, pod.node).find(p => p.name === name)!;
  return {
    ...leaf,
    name,
    role: 'pod',
    sysctls: { ...QUIET, [FORWARD]: 0, [BRIDGE_NF]: 0 },
    routes: isCalico(lab.podNetwork) ? podRoutes : [{ to: 'default', via: gatewayAddress(nodeNumber(pod.node)) }],
    pod: { node: pod.node, address, port, ...(pod.image === undefined ? {} : { image: pod.image }) },
  };
}
