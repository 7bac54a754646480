/** Both nodes of a tunnel on one data plane: kernel with `flannel.1`, or two routers. */

import type { RouterDescriptionInput } from '../../node/description.ts';
import type { Context } from '../context.ts';
import type { PlaneName } from '../measures.ts';
import { kubeProxyRules } from '../rules/kube-proxy.ts';
import { inNetns, ip, run, sysctl } from '../shell.ts';
import { buildVxlanBed, POD_MTU, removeVxlanBed, TUNNEL, type TunnelNode, type VxlanBed } from '../wires/vxlan-bed.ts';
import { type KernelName, loadKernelRules, quietBridges } from './kernel.ts';
import type { RuleTexts } from './plane.ts';
import { RouterProcess } from './router-process.ts';

export interface VxlanPlane {
  readonly name: PlaneName;
  readonly bed: VxlanBed;
  close(): Promise<void>;
}

export function kernelVxlan(name: KernelName, tag: string, rules: RuleTexts): VxlanPlane {
  const bed = buildVxlanBed(tag);
  for (const { namespace, node, peer } of bed.nodes) {
    sysctl(namespace, { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.rp_filter': 0, 'net.ipv4.conf.default.rp_filter': 0 });
    quietBridges(namespace);
    const { device, vni, port } = TUNNEL;
    ip(
      [
        `address add ${node.host.gateway}/24 dev ${node.pods}`,
        `neighbour replace ${node.host.address} lladdr ${node.host.mac} dev ${node.pods} nud permanent`,
        `address add ${node.address}/24 dev eth0`,
        `neighbour replace ${peer.address} lladdr ${peer.mac} dev eth0 nud permanent`,
        `link add ${device} address ${node.vtepMac} mtu ${POD_MTU} type vxlan id ${vni} local ${node.address} dev eth0 dstport ${port} nolearning`,
        `address add ${node.vtep}/32 dev ${device}`,
        `link set ${device} up`,
        `neighbour replace ${peer.vtep} lladdr ${peer.vtepMac} dev ${device} nud permanent`,
        `route add ${peer.host.network} via ${peer.vtep} dev ${device} onlink`,
      ],
      namespace,
    );
    run(['bridge', '-n', namespace, 'fdb', 'append', peer.vtepMac, 'dev', device, 'dst', peer.address, 'self', 'permanent']);
    loadKernelRules(name, namespace, rules);
  }
  return { name, bed, close: async () => removeVxlanBed(bed) };
}

export async function routerVxlan({ options }: Context, tag: string, { services, transport }: RuleTexts): Promise<VxlanPlane> {
  const bed = buildVxlanBed(tag);
  const rules = kubeProxyRules(services, transport);
  const routers: RouterProcess[] = [];
  const close = async () => {
    for (const router of routers) await router.stop();
    removeVxlanBed(bed);
  };
  try {
    for (const { namespace, node, peer } of bed.nodes) {
      run(inNetns(namespace, ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=0']));
      routers.push(await RouterProcess.start(namespace, describe(node, peer), rules, { profile: options.profile }));
    }
    return { name: 'router', bed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function describe(node: TunnelNode, peer: TunnelNode): RouterDescriptionInput {
  return {
    ports: [
      { name: node.pods, kind: 'packet', addresses: [`${node.host.gateway}/24`] },
      { name: 'eth0', kind: 'packet', addresses: [`${node.address}/24`] },
    ],
    vxlan: [
      {
        name: TUNNEL.device,
        vni: TUNNEL.vni,
        port: TUNNEL.port,
        local: node.address,
        mac: node.vtepMac,
        mtu: POD_MTU,
        addresses: [`${node.vtep}/32`],
        peers: [{ subnet: peer.host.network, vtep: peer.vtep, mac: peer.vtepMac, node: peer.address }],
      },
    ],
    neighbours: [
      { ip: node.host.address, mac: node.host.mac, dev: node.pods },
      { ip: peer.address, mac: peer.mac, dev: 'eth0' },
    ],
    sysctl: { 'net.ipv4.ip_forward': 1 },
  };
}
