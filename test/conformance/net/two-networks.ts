/** The topology of gvisor's cases: a router between two networks, and hosts on them by their addresses. */
import { inCidr, parseCidr, parseIpv4 } from '../../../src/base/address.ts';
import type { HostSpec } from './host.ts';
import { Network } from './network.ts';
import { PlainHost } from './plain-host.ts';
import { ruledHost } from './plane.ts';
import type { RuledHost } from './ruled-host.ts';

export interface TwoNetworks {
  readonly topology: {
    /** Interface by name, with its CIDR. */
    readonly router: Readonly<Record<string, string>>;
    /** Hosts by name. */
    readonly [host: string]: Readonly<Record<string, string>>;
  };
}

export class RouterNetwork {
  readonly network = new Network();
  readonly router: RuledHost;
  readonly #ports: readonly (readonly [string, string])[];
  #macs = 0;

  constructor({ topology }: TwoNetworks, options: { sockets?: boolean } = {}) {
    this.#ports = Object.entries(topology.router);
    const interfaces = this.#ports.map(([name, cidr]) => ({ name, mac: this.#mac(), addresses: [cidr], segment: name }));
    const sysctl = { 'net.ipv4.ip_forward': 1 };
    this.router = this.network.add(ruledHost({ name: 'router', interfaces, routes: [], sysctl }, options));
    for (const host of Object.values(topology)) if (host.ip !== undefined) this.hostAt(host.ip);
  }

  /** The host with that address: made when it is asked for. @returns undefined when the address is on no network of the router */
  hostAt(address: string): PlainHost | undefined {
    const known = this.network.owner(address);
    if (known) return known instanceof PlainHost ? known : undefined;
    const port = this.#ports.find(([, cidr]) => inCidr(parseIpv4(address), parseCidr(cidr)));
    if (!port) return undefined;
    const [segment, cidr] = port;
    const [gateway, length] = cidr.split('/');
    const spec: HostSpec = {
      name: address,
      interfaces: [{ name: 'eth0', mac: this.#mac(), addresses: [`${address}/${length}`], segment }],
      routes: [{ to: 'default', via: gateway! }],
    };
    return this.network.add(new PlainHost(spec));
  }

  /** Packets that the router sent into a network. */
  sentOn(port: string) {
    return this.network.wire.filter(w => w.from === 'router' && w.port === port).map(w => w.packet);
  }

  #mac(): string {
    return `02:00:00:00:00:${(++this.#macs).toString(16).padStart(2, '0')}`;
  }
}
