/** The kernel as a router, with the rules of one of its three tools. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { LabError } from '../../base/errors.ts';
import type { PlaneName } from '../measures.ts';
import { kubeProxyRules } from '../rules/kube-proxy.ts';
import { nftMapRules } from '../rules/nft-maps.ts';
import { inNetns, ip, run, sysctl } from '../shell.ts';
import { type Bed, CLIENT, removeBed, SERVER } from '../wires/bed.ts';
import type { Plane, RuleTexts } from './plane.ts';

export type KernelName = Extract<PlaneName, `kernel${string}`>;

const restore: Record<KernelName, readonly string[]> = {
  kernelNft: ['iptables-nft-restore'],
  kernelLegacy: ['iptables-legacy-restore'],
  kernelNftMaps: ['nft', '-f', '-'],
};

export class KernelPlane implements Plane {
  readonly name: KernelName;
  readonly bed: Bed;

  constructor(name: KernelName, bed: Bed, rules: RuleTexts) {
    this.name = name;
    this.bed = bed;
    sysctl(bed.node, { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.rp_filter': 0, 'net.ipv4.conf.default.rp_filter': 0 });
    quietBridges(bed.node);
    ip(
      [
        'link set lo up',
        ...(bed.kind === 'bridge' ? [`link set west address ${CLIENT.gatewayMac}`, `link set east address ${SERVER.gatewayMac}`] : []),
        `address add ${CLIENT.gateway}/24 dev west`,
        `address add ${SERVER.gateway}/24 dev east`,
        `neighbour replace ${CLIENT.address} lladdr ${CLIENT.mac} dev west nud permanent`,
        `neighbour replace ${SERVER.address} lladdr ${SERVER.mac} dev east nud permanent`,
      ],
      bed.node,
    );
    loadKernelRules(name, bed.node, rules);
  }

  async delta(text: string): Promise<void> {
    const [program] = restore[this.name];
    const [tool, ...rest] = inNetns(this.bed.node, [program!, '--noflush']);
    const child = spawn(tool!, rest, { stdio: ['pipe', 'ignore', 'pipe'] });
    child.stdin.end(text);
    const said: Buffer[] = [];
    child.stderr.on('data', piece => said.push(piece));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new LabError('RULES', `${program} --noflush: ${Buffer.concat(said).toString().trim()}`);
  }

  async forget(): Promise<void> {
    run(inNetns(this.bed.node, ['conntrack', '-F']));
  }

  async close(): Promise<void> {
    removeBed(this.bed);
  }
}

export function loadKernelRules(name: KernelName, namespace: string, { services, transport }: RuleTexts): void {
  const text = name === 'kernelNftMaps' ? nftMapRules(services, transport) : kubeProxyRules(services, transport);
  run(inNetns(namespace, restore[name]), text);
}

/** Where br_netfilter is loaded it is on in a new namespace, and would send bridged frames through the rules a second time. */
export function quietBridges(namespace: string): void {
  try {
    sysctl(namespace, { 'net.bridge.bridge-nf-call-iptables': 0 });
  } catch (error) {
    // Without the module there is no such name.
    if (!(error instanceof LabError)) throw error;
  }
}
