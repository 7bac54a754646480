/** On which of the node's addresses node ports are taken (kubernetes `pkg/proxy/util/nodeport_addresses.go`): `--nodeport-addresses`. */
import { type IpAddress, type IpFamily, type IpNetwork, inNetwork, parseIp, parseNetwork } from '../base/ip.ts';

export class NodePortAddresses {
  readonly #networks: readonly IpNetwork[];
  /** Every local address. */
  readonly matchAll: boolean;
  /** Is 127.0.0.1 among them? */
  readonly containsIpv4Loopback: boolean;

  /** @param cidrs of both families; when none is of this family every address counts */
  constructor(family: IpFamily, cidrs: readonly string[]) {
    const own = cidrs.map(parseNetwork).filter((n): n is IpNetwork => n?.family === family);
    const networks = own.length > 0 ? own : [parseNetwork(family === 'IPv4' ? '0.0.0.0/0' : '::/0')!];
    // What stands behind the whole range is not looked at.
    const whole = networks.findIndex(n => n.prefix === 0);
    this.matchAll = whole >= 0;
    this.#networks = this.matchAll ? [networks[whole]!] : networks;
    const seen = this.matchAll ? networks.slice(0, whole + 1) : networks;
    const loopback = parseIp('127.0.0.0')!;
    this.containsIpv4Loopback = seen.some(n => n.family === 'IPv4' && (n.bytes[0] === 127 || inNetwork(loopback, n)));
  }

  /** Those that lie in one of the networks, each once, in order of the networks. */
  nodeIps(local: readonly IpAddress[]): IpAddress[] {
    const found = new Map<string, IpAddress>();
    for (const network of this.#networks) for (const ip of local) if (inNetwork(ip, network)) found.set(ip.text, ip);
    return [...found.values()];
  }
}
