/** What `ip` and `bridge` are asked about a node, as its router has it at this moment: interfaces, neighbours, forwarding databases of tunnels. */
import { formatCidr, formatIpv4, formatMac } from '../base/address.ts';
import { Link } from '../router/interface.ts';
import { Nud } from '../router/neighbour.ts';
import type { Plane } from '../router/plane.ts';

const linkNames = {
  [Link.Loopback]: 'loopback',
  [Link.Ethernet]: 'ethernet',
  [Link.Bridge]: 'bridge',
  [Link.Sockets]: 'sockets',
  [Link.Vxlan]: 'vxlan',
  [Link.Ipip]: 'ipip',
} as const;

export interface NodeLinks {
  readonly interfaces: readonly {
    readonly name: string;
    readonly link: (typeof linkNames)[Link];
    readonly mac: string;
    readonly mtu: number;
    /** `192.168.56.11/24` */
    readonly addresses: readonly string[];
  }[];
  /** Of the kernel, which only lead to the router: the port of a bridge that stands for the bridge, and what the node's sockets send through. */
  readonly devices: readonly string[];
  readonly neighbours: readonly {
    readonly dev: string;
    readonly address: string;
    readonly mac: string;
    readonly state: keyof typeof Nud;
  }[];
  /** Of VXLAN devices. */
  readonly fdb: readonly { readonly dev: string; readonly mac: string; readonly node: string; readonly permanent: boolean }[];
}

export function linksOf(plane: Plane): NodeLinks {
  const interfaces = plane.interfaces.filter(i => i !== null);
  const nameOf = (id: number): string => plane.interface(id).name;
  const states = new Map<number, keyof typeof Nud>((Object.keys(Nud) as (keyof typeof Nud)[]).map(name => [Nud[name], name]));
  return {
    interfaces: interfaces.map(({ name, link, mac, mtu, addresses }) => ({
      name,
      link: linkNames[link],
      mac: formatMac(mac),
      mtu,
      addresses: addresses.map(formatCidr),
    })),
    devices: [
      ...interfaces.filter(i => i.link === Link.Bridge || i.link === Link.Sockets).map(i => i.device!.name),
      ...(plane.sockets === null ? [] : [plane.sockets.name]),
    ],
    neighbours: [...plane.neighbours.entries()].map(({ oif, address, state, mac }) => ({
      dev: nameOf(oif),
      address: formatIpv4(address),
      mac: formatMac(mac),
      state: states.get(state)!,
    })),
    fdb: plane.vxlan.flatMap((tunnel, id) =>
      tunnel === null || tunnel === undefined
        ? []
        : [...tunnel.fdb.entries()].map(({ mac, node, permanent }) => ({
            dev: nameOf(id),
            mac: formatMac(mac),
            node: formatIpv4(node),
            permanent,
          })),
    ),
  };
}
