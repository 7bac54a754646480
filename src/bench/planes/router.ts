/** The TypeScript router on a bed: packet sockets on the wires, or TAPs on the bridges. */
import type { RouterDescriptionInput } from '../../node/description.ts';
import { kubeProxyRules } from '../rules/kube-proxy.ts';
import { ip, run, sysctl } from '../shell.ts';
import { type Bed, CLIENT, removeBed, SERVER } from '../wires/bed.ts';
import { quietBridges } from './kernel.ts';
import type { CpuTime, Plane, RuleTexts } from './plane.ts';
import { type RouterOptions, RouterProcess } from './router-process.ts';

export interface RouterPlaneOptions extends RouterOptions {
  readonly sysctl?: Record<string, number>;
  /** False: the rules are walked one by one. */
  readonly index?: boolean;
  /** Default true. False: who captures at its interfaces sees what it sends. */
  readonly qdiscBypass?: boolean;
}

export class RouterPlane implements Plane {
  readonly name: 'router' | 'routerLinear';
  readonly bed: Bed;
  readonly process: RouterProcess;

  private constructor(name: RouterPlane['name'], bed: Bed, process: RouterProcess) {
    this.name = name;
    this.bed = bed;
    this.process = process;
  }

  static async start(bed: Bed, { services, transport }: RuleTexts, options: RouterPlaneOptions = {}): Promise<RouterPlane> {
    sysctl(bed.node, { 'net.ipv4.ip_forward': 0 });
    if (bed.kind === 'bridge') addTaps(bed.node);
    const description = describeRouter(bed, options);
    const process = await RouterProcess.start(bed.node, description, kubeProxyRules(services, transport), options);
    return new RouterPlane(options.index === false ? 'routerLinear' : 'router', bed, process);
  }

  async delta(text: string): Promise<void> {
    await this.process.ask({ command: 'iptables-restore', args: ['--noflush'], input: text });
  }

  async forget(): Promise<void> {
    await this.process.ask({ command: 'conntrack', args: ['-F'] });
  }

  cpu(): CpuTime {
    return this.process.cpu();
  }

  async close(): Promise<void> {
    await this.process.stop();
    removeBed(this.bed);
  }
}

export function describeRouter(
  bed: Bed,
  { sysctl: values, index = true, qdiscBypass = true }: RouterPlaneOptions = {},
): RouterDescriptionInput {
  const side = (name: 'west' | 'east', { gateway, gatewayMac }: typeof CLIENT): RouterDescriptionInput['ports'][number] =>
    bed.kind === 'veth'
      ? { name, kind: 'packet', qdiscBypass, addresses: [`${gateway}/24`] }
      : { name, kind: 'tap', interface: `${name}-tap`, mac: gatewayMac, bridge: { nfCall: false }, addresses: [`${gateway}/24`] };
  return {
    ports: [side('west', CLIENT), side('east', SERVER)],
    neighbours: [
      { ip: CLIENT.address, mac: CLIENT.mac, dev: 'west' },
      { ip: SERVER.address, mac: SERVER.mac, dev: 'east' },
    ],
    sysctl: { 'net.ipv4.ip_forward': 1, ...values },
    index,
  };
}

/** A port of each bridge that the router will open; the bridge is told what is behind it. */
function addTaps(node: string): void {
  quietBridges(node);
  const sides = [
    ['west', CLIENT.gatewayMac, '06:02:0a:f4:02:01'],
    ['east', SERVER.gatewayMac, '06:02:0a:f4:01:01'],
  ] as const;
  ip(
    sides.flatMap(([side, , mac]) => [
      `tuntap add dev ${side}-tap mode tap`,
      `link set ${side}-tap address ${mac} master ${side}`,
      `link set ${side}-tap type bridge_slave learning off`,
      `link set ${side}-tap up`,
    ]),
    node,
  );
  for (const [side, mac] of sides) run(['bridge', '-n', node, 'fdb', 'replace', mac, 'dev', `${side}-tap`, 'master', 'static']);
}
