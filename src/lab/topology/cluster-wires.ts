/** The wires of a cluster, and the hops on them. Pure. */
import { LAN_MTU, macFor, torAddress, UPSTREAM_FAR, UPSTREAM_LAN, VXLAN } from './addresses.ts';
import { CALI_MAC, caliName, IPIP } from './calico.ts';
import { isFar } from './cluster-nodes.ts';
import type { ClusterDeclaration } from './declaration.ts';
import type { Hop, Node, Wire, WireEnd } from './model.ts';
import { torNames } from './speakers.ts';

const hostEnd = (namespace: string, name: string, address: string, kind: 'host' | 'pod'): WireEnd => ({
  namespace,
  name,
  mac: macFor(kind, address),
  addresses: [address],
});
/** Is there a second network? */
export const hasFar = (lab: ClusterDeclaration): boolean => (lab.far ?? []).length > 0;

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

export function directWire(lab: ClusterDeclaration, node: Node): Wire {
  const [name, address] = Object.entries(lab.beside!)[0]!;
  return { mtu: LAN_MTU, ends: [hostEnd(name, 'eth0', address, 'host'), nodeEnd(node)] };
}

export function wires(lab: ClusterDeclaration, nodes: readonly Node[]): Wire[] {
  const lan = (mtu: number, a: WireEnd, b: WireEnd): Wire => ({ mtu, ends: [a, b] });
  const result: Wire[] = [];
  for (const [name, address] of Object.entries(lab.outside ?? {}))
    result.push(lan(LAN_MTU, hostEnd(name, 'eth0', address, 'host'), portEnd('upstream', 'out0', name, address)));
  const upstream = `${UPSTREAM_LAN}/24`;
  result.push(lan(LAN_MTU, hostEnd('upstream', 'eth0', upstream, 'host'), portEnd('lan0', 'lan0', 'upstream', upstream)));
  if (hasFar(lab)) {
    const far = `${UPSTREAM_FAR}/24`;
    result.push(lan(LAN_MTU, hostEnd('upstream', 'eth1', far, 'host'), portEnd('lan1', 'lan1', 'upstream', far)));
  }
  for (const [name, address] of Object.entries(lab.beside ?? {}))
    result.push(lan(LAN_MTU, hostEnd(name, 'eth0', address, 'host'), portEnd('lan0', 'lan0', name, address)));
  for (const [i, tor] of torNames(lab).entries())
    for (const net of hasFar(lab) ? ['lan0', 'lan1'] : ['lan0']) {
      const address = `${torAddress(i, net === 'lan1')}/24`;
      result.push(lan(LAN_MTU, hostEnd(tor, net === 'lan1' ? 'eth1' : 'eth0', address, 'host'), portEnd(net, net, tor, address)));
    }
  for (const node of nodes) {
    const name = `node${node.number}`;
    const net = isFar(lab, name) ? 'lan1' : 'lan0';
    result.push(lan(LAN_MTU, nodeEnd(node), portEnd(net, net, name, node.address)));
    for (const pod of node.pods) {
      if (node.calico !== undefined) {
        const cali: WireEnd = { namespace: name, name: caliName(pod.name), mac: CALI_MAC, addresses: [] };
        result.push(lan(node.podMtu, hostEnd(pod.name, 'eth0', `${pod.address}/32`, 'pod'), cali));
        continue;
      }
      const port = portEnd(name, 'cni0', podPort(pod.name), pod.address);
      const isolated = node.plane === 'userspace' && node.bridgeNf;
      result.push(
        lan(node.podMtu, hostEnd(pod.name, 'eth0', `${pod.address}/24`, 'pod'), {
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
export function hops(lab: ClusterDeclaration, nodes: readonly Node[]): Hop[] {
  const hop = (namespace: string, iface: string, logical = false, name = `${namespace}/${iface}`): Hop => ({
    name,
    namespace,
    interface: iface,
    logical,
  });
  const result: Hop[] = [];
  for (const name of [...Object.keys(lab.outside ?? {}), ...Object.keys(lab.beside ?? {})]) result.push(hop(name, 'eth0'));
  if (lab.network !== 'wire') result.push(hop('upstream', 'eth0'), hop('lan0', 'lan0', false, 'lan0'));
  if (hasFar(lab)) result.push(hop('upstream', 'eth1'), hop('lan1', 'lan1', false, 'lan1'));
  for (const tor of torNames(lab)) for (const device of hasFar(lab) ? ['eth0', 'eth1'] : ['eth0']) result.push(hop(tor, device));
  for (const node of nodes) {
    const name = `node${node.number}`;
    const logical = node.plane === 'userspace';
    result.push(hop(name, 'eth0'));
    if (node.tunnel) result.push(hop(name, VXLAN.device, logical));
    if (node.calico?.ipip !== undefined) result.push(hop(name, IPIP.device, logical));
    if (node.bridge && lab.lookAt !== 'ports') result.push(hop(name, 'cni0', logical));
    for (const pod of node.pods) {
      if (lab.lookAt === 'ports') result.push(hop(name, node.calico === undefined ? podPort(pod.name) : caliName(pod.name)));
      result.push(hop(pod.name, 'eth0'));
    }
  }
  return result;
}
