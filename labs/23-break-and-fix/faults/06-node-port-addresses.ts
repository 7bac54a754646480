import { apply } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';
import { notRuled } from './words.ts';

const jump = '-A KUBE-SERVICES .*-j KUBE-NODEPORTS';

export const nodePortAddresses: Trouble = {
  name: '06-node-port-addresses',
  symptom: 'No node port answers, on any node.',
  story: 'Cluster addresses work, and so does the load balancer. Last night a second network, 192.168.57.0/24, was prepared for all nodes.',
  inject: [apply('faults/node-port-addresses.yaml'), notRuled('node1', jump), notRuled('node2', jump)],
  breaks: [claims.nodePort1, claims.nodePort2, claims.nodePortSelf],
  hints: [
    'Who refuses, and how? `kubehop exec client -- tcpdump -ni eth0 tcp`. Nothing listens on a node port: what should have taken the packet before the node looks for a listener?',
    'The rules of the port are there: `kubehop exec node1 -- iptables -t nat -nvL KUBE-NODEPORTS`. Who jumps there? Compare the end of KUBE-SERVICES with that of exercise 07.',
    'kube-proxy jumps there for the addresses that it was told: `nodePortAddresses` in `kubectl -n kube-system edit configmap kube-proxy`. It reads that when it starts: `kubectl -n kube-system rollout restart daemonset kube-proxy`.',
  ],
  happened: [
    'For every address of the node kube-proxy ends KUBE-SERVICES with a jump to KUBE-NODEPORTS. With `nodePortAddresses` it is one jump for each address',
    'of the node in one of these networks. No node has an address in 192.168.57.0/24 yet, so there is none, and the packet comes to a node on which nobody',
    'listens: a reset. The rules of the ports are written all the same, with counters that stay 0. kube-proxy says nothing: no address is a configuration too.',
  ],
  source: 'pkg/proxy/util/nodeport_addresses.go; pkg/proxy/iptables/proxier.go; exercise 07',
};
