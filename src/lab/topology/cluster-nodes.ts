/** The nodes of a cluster, and what each knows of its pods and of the other nodes. Pure. */
import {
  gatewayAddress,
  LAN_MTU,
  macFor,
  nodeAddress,
  nodeNumber,
  POD_MTU,
  podAddress,
  UPSTREAM_FAR,
  UPSTREAM_LAN,
  vtepAddress,
} from './addresses.ts';
import { calicoNode, IPIP, isCalico } from './calico.ts';
import type { ClusterDeclaration } from './declaration.ts';
import type { Node, Peer, Plane, PodNetwork } from './model.ts';

/** Addresses of the pods of a node, in the order in which they were declared. */
export function podsOf(lab: ClusterDeclaration, node: string): { name: string; address: string; port: number; hairpin: boolean }[] {
  return Object.entries(lab.pods ?? {})
    .filter(([, pod]) => pod.node === node)
    .map(([name, pod], i) => ({
      name,
      address: pod.address ?? podAddress(nodeNumber(node), i),
      port: pod.port ?? 8080,
      hairpin: pod.hairpin ?? false,
    }));
}

export const isFar = (lab: ClusterDeclaration, name: string): boolean => lab.far?.includes(name) ?? false;

export function describeNode(lab: ClusterDeclaration, name: string, plane: Plane): Node {
  const number = nodeNumber(name);
  const address = nodeAddress(number, isFar(lab, name));
  const hosts = lab.nodes.map(each => nodeAddress(nodeNumber(each), isFar(lab, each)));
  const calico = calicoNode(lab, number, hosts);
  return {
    number,
    plane,
    address: `${address}/24`,
    mac: macFor('host', address),
    ...(lab.network === 'wire' ? {} : { gateway: isFar(lab, name) ? UPSTREAM_FAR : UPSTREAM_LAN }),
    gatewayMac: macFor('pod', gatewayAddress(number)),
    vtepMac: macFor('vtep', vtepAddress(number)),
    pods: podsOf(lab, name).map(pod => ({ ...pod, mac: macFor('pod', pod.address) })),
    bridge: calico === undefined && (lab.api === true || podsOf(lab, name).length > 0),
    bridgeNf: (typeof lab.bridgeNf === 'object' ? lab.bridgeNf[name] : lab.bridgeNf) ?? true,
    tunnel: (lab.podNetwork ?? 'flannel-vxlan') === 'flannel-vxlan' && (lab.api === true || lab.nodes.length > 1),
    podMtu: podMtu[lab.podNetwork ?? 'flannel-vxlan'],
    // With an API each node's flannel finds the others there; with Calico BGP tells of them.
    peers:
      lab.api === true || isCalico(lab.podNetwork) ? [] : lab.nodes.filter(other => other !== name).map(other => peer(lab, name, other)),
    ...(calico === undefined ? {} : { calico }),
  };
}

/** What the envelope leaves of 1500 bytes. */
const podMtu: Readonly<Record<PodNetwork, number>> = {
  'flannel-vxlan': POD_MTU,
  'flannel-host-gw': LAN_MTU,
  'calico-ipip': IPIP.mtu,
  'calico-bgp': LAN_MTU,
};

/** flannel with host-gw routes to nodes on its own network and leaves out the others; with DirectRouting those go through the tunnel. */
function peer(lab: ClusterDeclaration, name: string, other: string): Peer {
  const number = nodeNumber(other);
  const address = nodeAddress(number, isFar(lab, other));
  const beside = isFar(lab, name) === isFar(lab, other);
  if (lab.podNetwork === 'flannel-host-gw') return { number, address, way: beside ? 'route' : 'none' };
  return { number, address, way: beside && lab.directRouting === true ? 'route' : 'tunnel' };
}
