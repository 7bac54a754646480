/**
 * Who speaks BGP with whom: every node with every other (Calico's node-to-node mesh), or each with the top-of-rack routers. One AS, 64512, Calico's
 * default: a top-of-rack router is a route reflector (RFC 4456), so that the nodes keep their AS and nobody has to allow his own AS in a path. Pure.
 *
 * A next hop on the node's own network is left alone: between two nodes of a rack the reflector stands beside the way. For the other network it
 * names itself, and is on the way.
 */
import { nodeAddress, nodeNumber, torAddress, UPSTREAM_FAR, UPSTREAM_LAN } from './addresses.ts';
import { blockOf, IPIP, isCalico } from './calico.ts';
import { isFar } from './cluster-nodes.ts';
import type { ClusterDeclaration } from './declaration.ts';
import type { Neighbour, Plane, Speaker, Way } from './model.ts';

/** Calico's default for a cluster. */
export const AS_NUMBER = 64512;

export const torNames = (lab: ClusterDeclaration): string[] => ['tor', 'tor2'].slice(0, lab.topOfRack ?? 0);

const addressOf = (lab: ClusterDeclaration, node: string): string => nodeAddress(nodeNumber(node), isFar(lab, node));
/** As Calico's confd calls a session: a node of the mesh, or a BGPPeer. */
const sessionName = (kind: 'Mesh' | 'Node', address: string): string => `${kind}_${address.replaceAll('.', '_')}`;
const networkOf = (far: boolean): string => (far ? '192.168.57.0/24' : '192.168.56.0/24');

export function nodeSpeaker(lab: ClusterDeclaration, node: string, plane: Plane): Speaker | undefined {
  if (!isCalico(lab.podNetwork)) return undefined;
  const far = isFar(lab, node);
  const source = addressOf(lab, node);
  const others = lab.nodes.filter(other => other !== node);
  const tors = torNames(lab).map((_, i) => torAddress(i, far));
  const neighbours: Neighbour[] =
    tors.length > 0
      ? tors.map(address => ({ session: sessionName('Node', address), address, source }))
      : others.map(other => {
          const address = addressOf(lab, other);
          return { session: sessionName('Mesh', address), address, source, block: blockOf(nodeNumber(other)) };
        });
  const racks = tors.length > 0 && lab.nodes.some(other => isFar(lab, other) !== far) ? [networkOf(!far)] : [];
  return {
    address: source,
    neighbours,
    block: blockOf(nodeNumber(node)),
    networks: [],
    ways: waysOf(lab, node, plane),
    expected: [blockOf(nodeNumber(node)), ...others.map(other => blockOf(nodeNumber(other))), ...racks],
  };
}

/**
 * The kernel of a userspace node has no tunnel, but there the routes are only written down: the router follows them, and knows which go into the
 * tunnel. So their next hops are said to be behind eth0.
 */
function waysOf(lab: ClusterDeclaration, node: string, plane: Plane): Way[] {
  const far = isFar(lab, node);
  const near: Way = { to: networkOf(far), dev: 'eth0' };
  const tunnelled = (other: string): boolean =>
    lab.podNetwork === 'calico-ipip' && (lab.ipip !== 'cross-subnet' || isFar(lab, other) !== far);
  const ways = new Map<string, Way>();
  const add = (way: Way): void => void ways.set(way.to, way);
  if (torNames(lab).length > 0) add(near);
  for (const other of lab.nodes.filter(each => each !== node)) {
    const address = addressOf(lab, other);
    if (tunnelled(other)) add({ to: `${address}/32`, via: address, dev: plane === 'kernel' ? IPIP.device : 'eth0' });
    else if (isFar(lab, other) === far) add(near);
    // By the default route, as the kernel would find it; upstream knows no pods, and the packet ends there.
    else if (torNames(lab).length === 0) add({ to: '0.0.0.0/0', via: far ? UPSTREAM_FAR : UPSTREAM_LAN, dev: 'eth0' });
  }
  return [...ways.values()];
}

/** @param index 0 for `tor`, 1 for `tor2` */
export function torSpeaker(lab: ClusterDeclaration, index: number): Speaker {
  const hasFar = lab.nodes.some(node => isFar(lab, node));
  const neighbours = lab.nodes.map(node => {
    const address = addressOf(lab, node);
    return { session: node, address, source: torAddress(index, isFar(lab, node)), block: blockOf(nodeNumber(node)) };
  });
  const networks = [`${torAddress(index, false)}/24`, ...(hasFar ? [`${torAddress(index, true)}/24`] : [])];
  return {
    address: torAddress(index, false),
    neighbours,
    networks,
    ways: networks.map((_, i) => ({ to: networkOf(i === 1), dev: `eth${i}` })),
    expected: lab.nodes.map(node => blockOf(nodeNumber(node))),
  };
}
