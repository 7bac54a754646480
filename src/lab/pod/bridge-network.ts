/**
 * The wires of pods that come and go: what the CNI plugins `bridge` and `host-local` do on a node. Each pod gets a veth pair whose other end is a port
 * of `cni0`, the next address of the node's range, and the way out by the gateway.
 */
import { createHash } from 'node:crypto';
import type { PodIdentity, PodNetwork } from '../../kubelet/runtime.ts';
import { runCommand } from '../shell.ts';
import { macFor, POD_MTU } from '../topology/addresses.ts';
import { forgetPort, portsToTap } from '../topology/commands.ts';
import { AddressRange } from './address-range.ts';

export interface BridgeNetworkOptions {
  /** Name of the node's network namespace, where the bridge stands. */
  readonly node: string;
  readonly bridge: string;
  /** `10.244.1.0/24`: .1 is the gateway. */
  readonly cidr: string;
  /** Of the pod's wire. Default: what VXLAN leaves. */
  readonly mtu?: number;
  /** Addresses that others have. */
  readonly taken?: Iterable<string>;
  /** Ports of a userspace node's bridge reach nothing but its router: with bridge-nf-call-iptables. */
  readonly isolated: boolean;
  /** `hairpinMode` of the CNI's configuration. */
  readonly hairpin?: boolean;
  /** A pod's port is there. */
  readonly attached?: () => Promise<void>;
  readonly sysctls: Readonly<Record<string, number>>;
}

interface Attached {
  readonly address: string;
  readonly port: string;
}

export class BridgeNetwork implements PodNetwork {
  readonly #options: BridgeNetworkOptions;
  readonly #attached = new Map<string, Attached>();
  readonly #range: AddressRange;

  constructor(options: BridgeNetworkOptions) {
    this.#options = options;
    this.#range = new AddressRange(options.cidr, options.taken);
  }

  /** @throws LabError BAD_INPUT when no address is left, OS when the wire cannot be made */
  async attach(pod: PodIdentity, netns: string): Promise<{ readonly address: string }> {
    const known = this.#attached.get(pod.uid);
    if (known !== undefined) await this.detach(pod);
    const address = this.#range.take();
    const port = portName(pod);
    this.#attached.set(pod.uid, { address, port });
    try {
      await this.#wire(netns, address, port);
    } catch (error) {
      await this.detach(pod);
      throw error;
    }
    return { address };
  }

  async detach({ uid }: PodIdentity): Promise<void> {
    const attached = this.#attached.get(uid);
    if (attached === undefined) return;
    this.#attached.delete(uid);
    // With the pod's namespace its end has gone, and this one with it; when it has not, it goes now.
    await runCommand({ tool: 'ip', namespace: this.#options.node, lines: [`link delete ${attached.port}`] }).catch(() => undefined);
    if (this.#options.isolated) await runCommand(forgetPort(this.#options.node, attached.port)).catch(() => undefined);
    this.#range.give(attached.address);
  }

  async #wire(netns: string, address: string, port: string): Promise<void> {
    const { node, bridge, isolated, sysctls, attached, mtu = POD_MTU } = this.#options;
    const namespace = netns.slice(netns.lastIndexOf('/') + 1);
    const { prefix, gateway } = this.#range;
    await runCommand({
      tool: 'exec',
      namespace,
      argv: ['sysctl', '-q', '-w', ...Object.entries(sysctls).map(([key, value]) => `${key}=${value}`)],
    });
    await runCommand({
      tool: 'ip',
      lines: [
        `link add name eth0 netns ${namespace} address ${macFor('pod', address)} mtu ${mtu} type veth peer name ${port} netns ${node} address ${macFor('port', address)} mtu ${mtu}`,
      ],
    });
    await Promise.all([this.#podSide(namespace, `${address}/${prefix}`, gateway), this.#nodeSide(node, bridge, port, isolated)]);
    if (isolated) for (const command of portsToTap(node, [{ name: port, mac: macFor('pod', address) }])) await runCommand(command);
    await attached?.();
  }

  async #podSide(namespace: string, address: string, gateway: string): Promise<void> {
    const lines = ['link set lo up', 'link set eth0 up', `address add ${address} dev eth0`, `route add default via ${gateway}`];
    await Promise.all([runCommand({ tool: 'ip', namespace, lines }), runCommand(offloadOff(namespace, 'eth0'))]);
  }

  async #nodeSide(namespace: string, bridge: string, port: string, isolated: boolean): Promise<void> {
    const lines = [
      `link set ${port} master ${bridge}`,
      ...(isolated ? [`link set ${port} type bridge_slave isolated on`] : []),
      ...(this.#options.hairpin === true ? [`link set ${port} type bridge_slave hairpin on`] : []),
      `link set ${port} up`,
    ];
    await Promise.all([runCommand({ tool: 'ip', namespace, lines }), runCommand(offloadOff(namespace, port))]);
  }
}

/** Offload leaves partial checksums and segments larger than the MTU on a veth: a capture would show what no wire carries. */
const offloadOff = (namespace: string, name: string) =>
  ({
    tool: 'exec',
    namespace,
    argv: ['ethtool', '-K', name, 'tx', 'off', 'rx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'],
  }) as const;

/** At most 15 bytes (IFNAMSIZ), and another one for each pod. */
const portName = ({ uid }: PodIdentity): string => `veth${createHash('sha256').update(uid).digest('hex').slice(0, 8)}`;
