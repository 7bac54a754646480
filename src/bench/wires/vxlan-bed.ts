/**
 * Two nodes, the client's pod on one and the server's on the other, as flannel joins them.
 *
 *     client      node2                       node1      server
 *     eth0 ------ west    eth0 ------- eth0   east ------ eth0
 *            1450               1500                1450
 */
import { ip, sysctl } from '../shell.ts';
import { CLIENT, endpoint, MTU, QUIET, SERVER, wire } from './bed.ts';

export const POD_MTU = MTU - 50;
export const TUNNEL = { device: 'flannel.1', vni: 1, port: 8472 };

/** One end of the tunnel. `pods` is the side where its pod is. */
export interface TunnelNode {
  readonly pods: 'west' | 'east';
  readonly host: typeof CLIENT;
  readonly address: string;
  readonly mac: string;
  readonly vtep: string;
  readonly vtepMac: string;
}

/** The client's node and the server's. */
export const NODE2: TunnelNode = {
  pods: 'west',
  host: CLIENT,
  address: '192.168.56.12',
  mac: '02:00:c0:a8:38:0c',
  vtep: '10.244.2.0',
  vtepMac: '0e:00:0a:f4:02:00',
};
export const NODE1: TunnelNode = {
  pods: 'east',
  host: SERVER,
  address: '192.168.56.11',
  mac: '02:00:c0:a8:38:0b',
  vtep: '10.244.1.0',
  vtepMac: '0e:00:0a:f4:01:00',
};

export interface VxlanBed {
  readonly client: string;
  readonly server: string;
  readonly nodes: readonly { readonly namespace: string; readonly node: TunnelNode; readonly peer: TunnelNode }[];
}

export function buildVxlanBed(tag: string): VxlanBed {
  const [client, node2, node1, server] = ['client', 'node2', 'node1', 'server'].map(name => `${tag}-${name}`) as [
    string,
    string,
    string,
    string,
  ];
  ip([client, node2, node1, server].map(name => `netns add ${name}`));
  for (const name of [client, node2, node1, server]) sysctl(name, QUIET);
  ip([
    wire(client, 'eth0', CLIENT.mac, node2, 'west', CLIENT.gatewayMac, POD_MTU),
    wire(server, 'eth0', SERVER.mac, node1, 'east', SERVER.gatewayMac, POD_MTU),
    wire(node2, 'eth0', NODE2.mac, node1, 'eth0', NODE1.mac),
  ]);
  ip(['link set west up', 'link set eth0 up'], node2);
  ip(['link set east up', 'link set eth0 up'], node1);
  endpoint(client, CLIENT);
  endpoint(server, SERVER);
  return {
    client,
    server,
    nodes: [
      { namespace: node2, node: NODE2, peer: NODE1 },
      { namespace: node1, node: NODE1, peer: NODE2 },
    ],
  };
}

export const removeVxlanBed = ({ client, server, nodes }: VxlanBed): void =>
  ip([client, server, ...nodes.map(n => n.namespace)].map(name => `netns delete ${name}`));
