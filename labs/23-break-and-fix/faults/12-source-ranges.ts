import { apply } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';
import { ruled } from './words.ts';

export const sourceRanges: Trouble = {
  name: '12-source-ranges',
  symptom: '`admin` is for the office alone, and yet the client outside reads it.',
  story:
    'The Service has `loadBalancerSourceRanges: [203.0.113.64/26]`. At the address of the load balancer, 192.168.56.200, the client is turned away.',
  inject: [apply('faults/source-ranges.yaml'), ruled('node1', '--dport 30081 '), ruled('node2', '--dport 30081 ')],
  breaks: [claims.protected],
  hints: [
    'Which other ways lead to `admin`? `kubectl get service admin` names them all.',
    'It has a node port. Follow both ways in `iptables-save -t nat`: from 192.168.56.200 and from port 30081. Which of them asks for the source?',
    'Only the chain KUBE-FW of the load balancer does. A Service that is made with `allocateLoadBalancerNodePorts: false` gets no node port; one that it has, it keeps. Or a rule of your own on each node, before DNAT: `-t raw` or `-t mangle`, PREROUTING.',
  ],
  happened: [
    'A Service of type LoadBalancer gets a node port as well, unless it says `allocateLoadBalancerNodePorts: false`: many load balancers send there. Its source ranges',
    'become rules of the chain KUBE-FW, which is asked for the address of the load balancer. The node port jumps to KUBE-EXT, past them. Whoever reaches a node',
    'reaches the Service. Ranges are kept by who stands in front: here by kube-proxy for the address, on a cloud by its own firewall as well.',
    'Turned off later, `allocateLoadBalancerNodePorts` takes no port away that was given: it has to be off when the Service is made.',
    'A rule of your own in INPUT or FORWARD comes too late: there the packet has the address of the pod. raw and mangle come before DNAT.',
  ],
  source: 'pkg/proxy/iptables/proxier.go (KUBE-FW, KUBE-PROXY-FIREWALL); pkg/apis/core/types.go (AllocateLoadBalancerNodePorts)',
};
