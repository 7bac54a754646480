/** A node with a VXLAN device of the kernel's: a pod behind cni0, the other nodes behind eth0. Nobody listens on it but the tunnel. */
import { ruledHost } from '../net/plane.ts';
import type { RuledHost } from '../net/ruled-host.ts';

export interface Seen {
  readonly port: string;
  readonly bytes: Uint8Array;
}

export interface VxlanSpec {
  readonly interfaces: RuledHost['spec']['interfaces'];
  /** Of the device: `type vxlan id 1 ...`. */
  readonly device: string;
  /** Lines for `ip -batch` and `bridge -batch` when the device is there. */
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
}

export class KernelVxlanNode {
  readonly #host: RuledHost;
  /** IPv4 frames that came out of the last one. */
  last: Seen[] = [];

  constructor({ interfaces, device, ip, bridge }: VxlanSpec) {
    const sysctl = { 'net.ipv4.ip_forward': 1 };
    this.#host = ruledHost({ name: 'node', interfaces, routes: [], sysctl }, { sockets: false });
    this.#host.tool('ip', ['-batch', '-'], `link add ${device}\n${ip.join('\n')}\n`);
    this.#host.tool('bridge', ['-batch', '-'], `${bridge.join('\n')}\n`);
  }
  send(port: string, frame: Uint8Array): void {
    this.last = this.#host
      .frame(port, frame)
      .flatMap(out => (out.kind === 'frame' && out.bytes[12] === 8 && out.bytes[13] === 0 ? [{ port: out.port, bytes: out.bytes }] : []));
  }
  /** `ip -d link show`. */
  details(name: string): string {
    return this.#host.tool('ip', ['-d', 'link', 'show', name]);
  }
}
