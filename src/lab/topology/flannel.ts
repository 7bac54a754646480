/** What flannel programs on a kernel node: its tunnel, and the way to each of the other nodes. Pure. */
import { macFor, POD_MTU, podCidr, VXLAN, vtepAddress } from './addresses.ts';
import { type Command, offloadOff } from './command.ts';
import type { Node, Peer } from './model.ts';

/** VTEP of node n: flannel writes it into the node's annotation, here it follows from the address. */
export const vtepMac = (n: number): string => macFor('vtep', vtepAddress(n));

/** What flannel programs, in its order per remote node: ARP entry, forwarding entry, onlink route (`pkg/backend/vxlan`); or a route alone. */
export function flannel(namespace: string, node: Node): Command[] {
  return [...(node.tunnel ? tunnel(namespace, node) : []), ...waysTo(namespace, node.peers)];
}

/** The way to each of these nodes. */
export function waysTo(namespace: string, peers: readonly Peer[]): Command[] {
  const tunnelled = peers.filter(peer => peer.way === 'tunnel');
  const routed = peers.filter(peer => peer.way === 'route');
  return [
    ...(tunnelled.length > 0 ? tunnelPeers(namespace, tunnelled) : []),
    ...(routed.length > 0 ? [{ tool: 'ip', namespace, lines: routed.map(direct) } as const] : []),
  ];
}

/** They have left: in the order in which flannel takes away what it added. */
export function noWayTo(namespace: string, peers: readonly Peer[]): Command[] {
  const tunnelled = peers.filter(peer => peer.way === 'tunnel');
  const reached = peers.filter(peer => peer.way !== 'none');
  const { device } = VXLAN;
  const forget = ({ number: n }: Peer) => `neighbour del ${vtepAddress(n)} dev ${device}`;
  const forwarding = ({ number: n, address }: Peer) => `fdb del ${vtepMac(n)} dev ${device} dst ${address} self`;
  return [
    ...(reached.length > 0 ? [{ tool: 'ip', namespace, lines: reached.map(peer => `route del ${podCidr(peer.number)}`) } as const] : []),
    ...(tunnelled.length > 0
      ? [
          { tool: 'ip', namespace, lines: tunnelled.map(forget) } as const,
          { tool: 'bridge', namespace, lines: tunnelled.map(forwarding) } as const,
        ]
      : []),
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
