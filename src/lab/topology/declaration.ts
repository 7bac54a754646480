/** What a lab declares of its network, and what of it cannot be built. Pure. */

import { inCidr, parseCidr, parseIpv4 } from '../../base/address.ts';
import { LabError } from '../../base/errors.ts';
import { checkFaults, type Faults } from '../../device/fault/faults.ts';
import { nodeNumber } from './addresses.ts';
import { blockOf, isCalico } from './calico.ts';
import type { IpipMode, PodNetwork } from './model.ts';

export interface PodDeclaration {
  node: string;
  /** Default: the next of its node's range, in the order of declaration. */
  address?: string;
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
  /** Default `flannel-vxlan`. */
  podNetwork?: PodNetwork;
  /** flannel's `Backend.DirectRouting`: no tunnel between nodes on the same network. */
  directRouting?: boolean;
  /** `calico-ipip`: every way to another node in an envelope (default), or only that to another network. */
  ipip?: IpipMode;
  /** `calico-bgp`: so many top-of-rack routers, `tor` and `tor2`, reflect what the nodes say. Without any, each node speaks with each. */
  topOfRack?: 1 | 2;
  /** Nodes on a second network, behind the upstream router. */
  far?: readonly string[];
  /** Links on which things go wrong, by one of their ends: `node1/eth0`. Both directions alike. */
  faults?: Readonly<Record<string, Faults>>;
  /** A Kubernetes API stands over it: pods come from there, and every node has its cni0. */
  api?: boolean;
  /** Node on which the name server of such a lab runs; any, unless it is said. */
  namesOn?: string;
  /** Where to look at the bridge of a node: at the bridge itself (default), or at each port, where a frame enters and leaves. */
  lookAt?: 'bridge' | 'ports';
  /** net.bridge.bridge-nf-call-iptables of all nodes, or of those that are named. Default true, as kubeadm demands. */
  bridgeNf?: boolean | Readonly<Record<string, boolean>>;
}

/** Names that every lab has. */
const FIXED: readonly string[] = ['upstream', 'lan0', 'lan1', 'links', 'tor', 'tor2'];

/** @throws LabError BAD_INPUT for a declaration that cannot be built. */
export function validate(lab: ClusterDeclaration): void {
  const fail = (message: string): never => {
    throw new LabError('BAD_INPUT', message);
  };
  for (const node of lab.nodes) if (!/^node[1-9]$/.test(node)) fail(`node "${node}": a node is called node1 to node9`);
  for (const [name, pod] of Object.entries(lab.pods ?? {}))
    if (!lab.nodes.includes(pod.node)) fail(`pod "${name}": there is no node "${pod.node}"`);
  for (const node of Object.keys(typeof lab.bridgeNf === 'object' ? lab.bridgeNf : {}))
    if (!lab.nodes.includes(node)) fail(`bridgeNf: there is no node "${node}"`);
  for (const node of lab.far ?? []) if (!lab.nodes.includes(node)) fail(`far: there is no node "${node}"`);
  if (lab.directRouting === true && lab.podNetwork === 'flannel-host-gw')
    fail('directRouting is for flannel-vxlan: flannel-host-gw has no tunnel at all');
  checkCalico(lab, fail);
  for (const [link, faults] of Object.entries(lab.faults ?? {})) checkFaults(faults, link);
  // Pods of an API are called as it likes, and have other wires.
  const pods = lab.api === true ? [] : Object.keys(lab.pods ?? {});
  const names = [...lab.nodes, ...pods, ...Object.keys(lab.outside ?? {}), ...Object.keys(lab.beside ?? {})];
  for (const name of names) if (!/^[a-z][a-z0-9-]{0,14}$/.test(name)) fail(`"${name}": at most 15 lower-case letters, digits and dashes`);
  const long = pods.find(name => name.length > 10);
  if (long !== undefined) fail(`pod "${long}": at most 10 characters, so that veth-NAME fits into an interface name (IFNAMSIZ)`);
  const twice = names.find((name, i) => names.indexOf(name) !== i || FIXED.includes(name));
  if (twice !== undefined) fail(`the name "${twice}" is taken`);
  const besideCount = Object.keys(lab.beside ?? {}).length;
  if (lab.network === 'wire' && (lab.nodes.length !== 1 || besideCount !== 1 || Object.keys(lab.outside ?? {}).length > 0))
    fail('network "wire" joins exactly one node and one host beside it');
}

/** What Calico's kinds of network ask, and what is theirs alone. */
function checkCalico(lab: ClusterDeclaration, fail: (message: string) => never): void {
  const kind = lab.podNetwork ?? 'flannel-vxlan';
  if (lab.ipip !== undefined && kind !== 'calico-ipip') fail(`ipip is for calico-ipip: ${kind} has no tunl0`);
  if (lab.topOfRack !== undefined && kind !== 'calico-bgp')
    fail(`topOfRack is for calico-bgp: with ${kind} nobody speaks BGP with a router`);
  if (!isCalico(kind)) return;
  if (lab.api === true) fail(`${kind}: a lab with an API has pods on a bridge: flannel-vxlan or flannel-host-gw`);
  if (lab.network === 'wire') fail(`${kind}: a node alone on a wire has no way out, and answers no pod's ARP: network "lan"`);
  if (lab.directRouting === true) fail("directRouting is flannel's: say ipip: 'cross-subnet'");
  for (const [name, pod] of Object.entries(lab.pods ?? {})) {
    if (pod.hairpin === true) fail(`pod "${name}": ${kind} has no bridge, and no hairpin mode`);
    const block = blockOf(nodeNumber(pod.node));
    if (pod.address !== undefined && !inCidr(parseIpv4(pod.address), parseCidr(block)))
      fail(`pod "${name}": ${pod.address} is not in ${block}, the block of ${pod.node}`);
  }
}
