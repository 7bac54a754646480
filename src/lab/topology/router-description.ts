/** What a userspace node is told: the same facts that the kernel node gets by `ip`, `bridge` and `sysctl`. Pure. */
import type { RouterDescription } from '../../node/description.ts';
import { gatewayAddress, LAN_MTU, macFor, POD_MTU, podCidr, VXLAN, vtepAddress } from './addresses.ts';
import { calicoRouter, routesToPods } from './calico.ts';
import { TAP } from './commands.ts';
import { vtepMac } from './flannel.ts';
import type { Node } from './model.ts';

type Port = RouterDescription['ports'][number];

/** The node's own sockets stand behind it. */
export const TUN = 'tun0';

export function routerDescription(node: Node, faults: RouterDescription['faults'] = []): RouterDescription {
  const gateway = gatewayAddress(node.number);
  const eth0: Port = { name: 'eth0', kind: 'packet', mac: node.mac, mtu: LAN_MTU, offload: false, addresses: [node.address] };
  const cni0: Port = {
    name: 'cni0',
    kind: 'tap',
    interface: TAP,
    mac: macFor('pod', gateway),
    mtu: node.podMtu,
    offload: false,
    addresses: [`${gateway}/24`],
    bridge: { nfCall: node.bridgeNf, hairpin: node.pods.filter(pod => pod.hairpin).map(pod => pod.mac) },
  };
  const calico = node.calico === undefined ? undefined : calicoRouter(node);
  const tun: Port = { name: TUN, kind: 'tun', mtu: LAN_MTU, offload: false, addresses: [] };
  return {
    ports: [eth0, ...(node.bridge ? [cni0] : []), ...(calico?.ports ?? []), tun],
    vxlan: node.tunnel ? [flannel(node)] : [],
    ipip: calico?.ipip ?? [],
    routes: routes(node),
    ...(calico?.mirror === undefined ? {} : { mirror: calico.mirror }),
    neighbours: [],
    // kube-proxy turns route_localnet on for node ports on 127.0.0.1 (`--iptables-localhost-nodeports`).
    sysctl: { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.route_localnet': 1, ...calico?.sysctl },
    faults: [...faults],
  };
}

const flannel = (node: Node): RouterDescription['vxlan'][number] => ({
  name: VXLAN.device,
  vni: VXLAN.vni,
  port: VXLAN.port,
  local: node.address.split('/')[0]!,
  mac: vtepMac(node.number),
  mtu: POD_MTU,
  udpChecksum: true, // what the kernel does over IPv4 unless it is told otherwise, and flannel does not
  addresses: [`${vtepAddress(node.number)}/32`],
  learning: false,
  remotes: [],
  peers: node.peers
    .filter(peer => peer.way === 'tunnel')
    .map(({ number: n, address }) => ({ subnet: podCidr(n), vtep: vtepAddress(n), mac: vtepMac(n), node: address })),
});

/** The way out, and to the pods of nodes that are reached without a tunnel. */
function routes(node: Node): RouterDescription['routes'] {
  const through = (to: string, via: string) => ({ to, via, dev: 'eth0', type: 'unicast', metric: 0 }) as const;
  const direct = node.peers.filter(peer => peer.way === 'route').map(peer => through(podCidr(peer.number), peer.address));
  const pods = node.calico === undefined ? [] : routesToPods(node);
  return [
    ...(node.gateway === undefined ? [] : [through('default', node.gateway)]),
    ...direct,
    ...pods.map(({ to, dev }) => ({ to, dev: dev!, type: 'unicast', metric: 0 }) as const),
  ];
}
