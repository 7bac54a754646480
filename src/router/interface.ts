/**
 * An interface as the router's IPv4 sees it: a port with a device, a tunnel, or `lo`. Numbered from 1; the number is what a
 * packet carries as `iif` and `oif`, and what the tables of the rules are indexed by.
 */
import { type Cidr, type Ipv4, inCidr, maskOf } from '../base/address.ts';
import type { Device } from '../device/device.ts';
import { InterfaceSysctl } from './sysctl.ts';

/** What carries the packets of an interface. `Bridge`: a tap that is a port of a real bridge and stands for the bridge itself. */
export const Link = { Loopback: 0, Ethernet: 1, Bridge: 2, Sockets: 3, Vxlan: 4, Ipip: 5 } as const;
export type Link = (typeof Link)[keyof typeof Link];

export class Interface {
  readonly id: number;
  readonly name: string;
  readonly link: Link;
  /** Null for `lo` and tunnels. */
  readonly device: Device | null;
  /** Six bytes; zero where there is no layer 2. */
  readonly mac: Uint8Array;
  mtu: number;
  /** In the order in which they were given: the first is the primary one. */
  addresses: Cidr[] = [];
  readonly sysctl = new InterfaceSysctl();
  /** Something was noted for transmission since the last flush. */
  dirty = false;

  constructor(id: number, name: string, link: Link, device: Device | null, mac: Uint8Array, mtu: number) {
    this.id = id;
    this.name = name;
    this.link = link;
    this.device = device;
    this.mac = mac;
    this.mtu = mtu;
  }

  /** Has it a link layer with addresses, so that a next hop must be resolved? */
  get resolves(): boolean {
    return this.link === Link.Ethernet || this.link === Link.Bridge;
  }

  /**
   * The source address for packets that leave here towards `nextHop`: the first address whose network holds it, else the first
   * (`inet_select_addr`, `net/ipv4/devinet.c`). 0 when the interface has none.
   */
  sourceFor(nextHop: Ipv4): Ipv4 {
    for (let i = 0; i < this.addresses.length; i++) {
      const a = this.addresses[i]!;
      if (inCidr(nextHop, a)) return a.address;
    }
    return this.addresses.length > 0 ? this.addresses[0]!.address : 0;
  }

  /** Is `address` in a network that is directly on this link? */
  onLink(address: Ipv4): boolean {
    for (let i = 0; i < this.addresses.length; i++) {
      const a = this.addresses[i]!;
      if (a.prefix < 32 && inCidr(address, a)) return true;
    }
    return false;
  }
}

/** Network address of a CIDR, host bits cleared. */
export const networkOf = (c: Cidr): Ipv4 => c.address & maskOf(c.prefix);
/** Directed broadcast address of a CIDR. */
export const broadcastOf = (c: Cidr): Ipv4 => c.address | ~maskOf(c.prefix);
