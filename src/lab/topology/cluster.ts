/** From what a lab declares (nodes, pods, clients) to its whole network. Pure. */
import { LabError } from '../../base/errors.ts';
import {
  gatewayAddress,
  LAN_MTU,
  macFor,
  nodeAddress,
  nodeNumber,
  POD_MTU,
  podAddress,
  UPSTREAM_LAN,
  UPSTREAM_OUTSIDE,
  VXLAN,
  vtepAddress,
} from './addresses.ts';
import type { Hop, Namespace, Node, Plane, Topology, Wire, WireEnd } from './model.ts';

export interface PodDeclaration {
  node: string;
  image?: 'kubehop/echo';
  /** Default 8080. */
  port?: number;
  /** The bridge may send a frame back through the port it came from. Default false, as for a Linux bridge. */
  hairpin?: boolean;
}

export interface ClusterDeclaration {
  /** `node1`, `node2`, ...: the number gives the addresses. */
  nodes: readonly string[];
  pods?: Readonly<Record<string, PodDeclaration>>;
  /** Clients behind the upstream router: name to address in 203.0.113.0/24. */
  outside?: Readonly<Record<string, string>>;
  /** Hosts on the nodes' own network: name to address in 192.168.56.0/24. */
  beside?: Readonly<Record<string, string>>;
  /** `lan`: a bridge lan0 with everything on it. `wire`: one node and one host beside it, joined by a single veth pair. */
  network?: 'lan' | 'wire';
  /** Where to look at the bridge of a node: at the bridge itself (default), or at each port, where a frame enters and leaves. */
  lookAt?: 'bridge' | 'ports';
  /** net.bridge.bridge-nf-call-iptables of all nodes, or of those that are named. Default true, as kubeadm demands. */
  bridgeNf?: boolean | Readonly<Record<string, boolean>>;
}

/** Sysctls of every namespace of every lab. IPv6 would talk by itself; redirects would teach hosts ways around a router. */
const QUIET = {
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
    ...(single ? [] : [upstreamNamespace(), lanNamespace()]),
    ...lab.nodes.map((name, i) => nodeNamespace(name, nodes[i]!)),
    ...Object.entries(lab.pods ?? {}).map(([name, pod]) => podNamespace(lab, name, pod)),
  ];
  return { namespaces, wires: single ? [directWire(lab, nodes[0]!)] : wires(lab, nodes), hops: hops(lab, nodes) };
}

function validate(lab: ClusterDeclaration): void {
  const fail = (message: string): never => {
    throw new LabError('BAD_INPUT', message);
  };
  for (const node of lab.nodes) if (!/^node[1-9]$/.test(node)) fail(`node "${node}": a node is called node1 to node9`);
  for (const [name, pod] of Object.entries(lab.pods ?? {}))
    if (!lab.nodes.includes(pod.node)) fail(`pod "${name}": there is no node "${pod.node}"`);
  for (const node of Object.keys(typeof lab.bridgeNf === 'object' ? lab.bridgeNf : {}))
    if (!lab.nodes.includes(node)) fail(`bridgeNf: there is no node "${node}"`);
  const names = [...lab.nodes, ...Object.keys(lab.pods ?? {}), ...Object.keys(lab.outside ?? {}), ...Object.keys(lab.beside ?? {})];
  for (const name of names) if (!/^[a-z][a-z0-9-]{0,14}$/.test(name)) fail(`"${name}": at most 15 lower-case letters, digits and dashes`);
  const long = Object.keys(lab.pods ?? {}).find(name => name.length > 10);
  if (long !== undefined) fail(`pod "${long}": at most 10 characters, so that veth-NAME fits into an interface name (IFNAMSIZ)`);
  const twice = names.find((name, i) => names.indexOf(name) !== i || name === 'upstream' || name === 'lan0');
  if (twice !== undefined) fail(`the name "${twice}" is taken`);
  const besideCount = Object.keys(lab.beside ?? {}).length;
  if (lab.network === 'wire' && (lab.nodes.length !== 1 || besideCount !== 1 || Object.keys(lab.outside ?? {}).length > 0))
    fail('network "wire" joins exactly one node and one host beside it');
}

/** Addresses of the pods of a node, in the order in which they were declared. */
export function podsOf(lab: ClusterDeclaration, node: string): { name: string; address: string; port: number; hairpin: boolean }[] {
  return Object.entries(lab.pods ?? {})
    .filter(([, pod]) => pod.node === node)
    .map(([name, pod], i) => ({
      name,
      address: podAddress(nodeNumber(node), i),
      port: pod.port ?? 8080,
      hairpin: pod.hairpin ?? false,
    }));
}

function describeNode(lab: ClusterDeclaration, name: string, plane: Plane): Node {
  const number = nodeNumber(name);
  const address = nodeAddress(number);
  return {
    number,
    plane,
    address: `${address}/24`,
    mac: macFor('host', address),
    ...(lab.network === 'wire' ? {} : { gateway: UPSTREAM_LAN }),
    gatewayMac: macFor('pod', gatewayAddress(number)),
    vtepMac: macFor('vtep', vtepAddress(number)),
    pods: podsOf(lab, name).map(pod => ({ ...pod, mac: macFor('pod', pod.address) })),
    bridgeNf: (typeof lab.bridgeNf === 'object' ? lab.bridgeNf[name] : lab.bridgeNf) ?? true,
    peers: lab.nodes.map(nodeNumber).filter(n => n !== number),
  };
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

function lanNamespace(): Namespace {
  const lan0 = { name: 'lan0', mac: macFor('bridge', '192.168.56.0'), mtu: LAN_MTU, addresses: [] };
  return { ...leaf, name: 'lan0', role: 'switch', sysctls: { ...QUIET, [FORWARD]: 0, [BRIDGE_NF]: 0 }, bridges: [lan0] };
}

/** On a kernel node cni0 is the gateway; under a userspace node the same bridge only switches, and the gateway is the router on its tap. */
function nodeNamespace(name: string, node: Node): Namespace {
  const kernel = node.plane === 'kernel';
  const gateway = gatewayAddress(node.number);
  const cni0 = {
    name: 'cni0',
    mac: macFor(kernel ? 'pod' : 'bridge', gateway),
    mtu: POD_MTU,
    addresses: kernel ? [`${gateway}/24`] : [],
  };
  return {
    ...leaf,
    name,
    role: 'node',
    sysctls: { ...QUIET, [FORWARD]: kernel ? 1 : 0, [LOCALNET]: kernel ? 1 : 0, [BRIDGE_NF]: kernel && node.bridgeNf ? 1 : 0 },
    bridges: node.pods.length > 0 ? [cni0] : [],
    routes: kernel && node.gateway !== undefined ? [{ to: 'default', via: node.gateway }] : [],
    node,
  };
}

function podNamespace(lab: ClusterDeclaration, name: string, pod: PodDeclaration): Namespace {
  const { address, port } = podsOf(lab, pod.node).find(p => p.name === name)!;
  return {
    ...leaf,
    name,
    role: 'pod',
    sysctls: { ...QUIET, [FORWARD]: 0, [BRIDGE_NF]: 0 },
    routes: [{ to: 'default', via: gatewayAddress(nodeNumber(pod.node)) }],
    pod: { node: pod.node, address, port, ...(pod.image === undefined ? {} : { image: pod.image }) },
  };
}

const hostEnd = (namespace: string, name: string, address: string, kind: 'host' | 'pod'): WireEnd => ({
  namespace,
  name,
  mac: macFor(kind, address),
  addresses: [address],
});
const portEnd = (namespace: string, bridge: string, name: string, address: string): WireEnd => ({
  namespace,
  name,
  mac: macFor('port', address),
  addresses: [],
  bridge,
});

/** eth0 of a node: its address belongs to the kernel or, on a userspace node, to the router. */
const nodeEnd = (node: Node): WireEnd => ({
  namespace: `node${node.number}`,
  name: 'eth0',
  mac: node.mac,
  addresses: node.plane === 'kernel' ? [node.address] : [],
});

/** Interface names have at most 15 bytes (IFNAMSIZ). */
export const podPort = (pod: string): string => `veth-${pod}`;

function directWire(lab: ClusterDeclaration, node: Node): Wire {
  const [name, address] = Object.entries(lab.beside!)[0]!;
  return { mtu: LAN_MTU, ends: [hostEnd(name, 'eth0', address, 'host'), nodeEnd(node)] };
}

function wires(lab: ClusterDeclaration, nodes: readonly Node[]): Wire[] {
  const lan = (mtu: number, a: WireEnd, b: WireEnd): Wire => ({ mtu, ends: [a, b] });
  const result: Wire[] = [];
  for (const [name, address] of Object.entries(lab.outside ?? {}))
    result.push(lan(LAN_MTU, hostEnd(name, 'eth0', address, 'host'), portEnd('upstream', 'out0', name, address)));
  const upstream = `${UPSTREAM_LAN}/24`;
  result.push(lan(LAN_MTU, hostEnd('upstream', 'eth0', upstream, 'host'), portEnd('lan0', 'lan0', 'upstream', upstream)));
  for (const [name, address] of Object.entries(lab.beside ?? {}))
    result.push(lan(LAN_MTU, hostEnd(name, 'eth0', address, 'host'), portEnd('lan0', 'lan0', name, address)));
  for (const node of nodes) {
    const name = `node${node.number}`;
    result.push(lan(LAN_MTU, nodeEnd(node), portEnd('lan0', 'lan0', name, node.address)));
    for (const pod of node.pods) {
      const port = portEnd(name, 'cni0', podPort(pod.name), pod.address);
      const isolated = node.plane === 'userspace' && node.bridgeNf;
      result.push(
        lan(POD_MTU, hostEnd(pod.name, 'eth0', `${pod.address}/24`, 'pod'), {
          ...port,
          ...(isolated ? { isolated } : {}),
          ...(pod.hairpin && !isolated ? { hairpin: true } : {}),
        }),
      );
    }
  }
  return result;
}

/** Clients, upstream, the lan, then each node with its pods. The same names in both runs. */
function hops(lab: ClusterDeclaration, nodes: readonly Node[]): Hop[] {
  const hop = (namespace: string, iface: string, logical = false, name = `${namespace}/${iface}`): Hop => ({
    name,
    namespace,
    interface: iface,
    logical,
  });
  const result: Hop[] = [];
  for (const name of [...Object.keys(lab.outside ?? {}), ...Object.keys(lab.beside ?? {})]) result.push(hop(name, 'eth0'));
  if (lab.network !== 'wire') result.push(hop('upstream', 'eth0'), hop('lan0', 'lan0', false, 'lan0'));
  for (const node of nodes) {
    const name = `node${node.number}`;
    const logical = node.plane === 'userspace';
    result.push(hop(name, 'eth0'));
    if (node.peers.length > 0) result.push(hop(name, VXLAN.device, logical));
    if (node.pods.length > 0 && lab.lookAt !== 'ports') result.push(hop(name, 'cni0', logical));
    for (const pod of node.pods) {
      if (lab.lookAt === 'ports') result.push(hop(name, podPort(pod.name)));
      result.push(hop(pod.name, 'eth0'));
    }
  }
  return result;
}
