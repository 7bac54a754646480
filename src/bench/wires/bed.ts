/**
 * What a data plane is measured on. Each has namespaces and wires of its own, all made alike, so that rounds can go from one to the next
 * without anything being rebuilt.
 *
 *     client                    node                                        server
 *     10.244.2.2  eth0 ------- west   the data plane   east ------- eth0  10.244.1.2
 *
 * `veth`: west and east are the far ends of the wires. `bridge`: they are bridges with the wire as a port, as `cni0` is; the router is then
 * another port of each, on a TAP.
 */
import { ip, sysctl } from '../shell.ts';

export const CLIENT = {
  address: '10.244.2.2',
  gateway: '10.244.2.1',
  network: '10.244.2.0/24',
  mac: '02:00:0a:f4:02:02',
  gatewayMac: '02:00:0a:f4:02:01',
};
export const SERVER = {
  address: '10.244.1.2',
  gateway: '10.244.1.1',
  network: '10.244.1.0/24',
  mac: '02:00:0a:f4:01:02',
  gatewayMac: '02:00:0a:f4:01:01',
};
export const SERVER_PORT = 8080;
export const MTU = 1500;

export type BedKind = 'veth' | 'bridge';

/** Names of the three namespaces; the interfaces are called alike in each bed. */
export interface Bed {
  readonly kind: BedKind;
  readonly client: string;
  readonly node: string;
  readonly server: string;
}

export const QUIET = { 'net.ipv6.conf.all.disable_ipv6': 1, 'net.ipv6.conf.default.disable_ipv6': 1 };

export const wire = (a: string, aName: string, aMac: string, b: string, bName: string, bMac: string, mtu = MTU): string =>
  `link add name ${aName} netns ${a} address ${aMac} mtu ${mtu} type veth peer name ${bName} netns ${b} address ${bMac} mtu ${mtu}`;

/** @param tag names the bed: at most a few letters */
export function buildBed(tag: string, kind: BedKind): Bed {
  const bed = { kind, client: `${tag}-client`, node: `${tag}-node`, server: `${tag}-server` };
  ip([bed.client, bed.node, bed.server].map(name => `netns add ${name}`));
  for (const name of [bed.client, bed.node, bed.server]) sysctl(name, QUIET);
  const bridged = kind === 'bridge';
  const [west, east] = bridged ? ['west-port', 'east-port'] : ['west', 'east'];
  const [westMac, eastMac] = bridged ? ['06:00:0a:f4:02:01', '06:00:0a:f4:01:01'] : [CLIENT.gatewayMac, SERVER.gatewayMac];
  ip([wire(bed.client, 'eth0', CLIENT.mac, bed.node, west!, westMac!), wire(bed.server, 'eth0', SERVER.mac, bed.node, east!, eastMac!)]);
  if (bridged) {
    ip(
      ['west', 'east'].flatMap(side => [
        `link add name ${side} type bridge stp_state 0 mcast_snooping 0`,
        `link set ${side} up`,
        `link set ${side}-port master ${side} up`,
      ]),
      bed.node,
    );
  } else ip(['link set west up', 'link set east up'], bed.node);
  endpoint(bed.client, CLIENT);
  endpoint(bed.server, SERVER);
  return bed;
}

/** Addresses of a client or server. The gateway's MAC is known: nothing but the load stands in the figures. */
export function endpoint(namespace: string, host: typeof CLIENT): void {
  ip(
    [
      'link set lo up',
      'link set eth0 up',
      `address add ${host.address}/24 dev eth0`,
      `neighbour replace ${host.gateway} lladdr ${host.gatewayMac} dev eth0 nud permanent`,
      `route add default via ${host.gateway}`,
    ],
    namespace,
  );
}

/** Take the namespaces away, and with them the interfaces. */
export function removeBed(bed: Bed): void {
  ip([bed.client, bed.node, bed.server].map(name => `netns delete ${name}`));
}
