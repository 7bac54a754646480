import { prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';

export const forwardDrop: Trouble = {
  name: '05-forward-drop',
  symptom: 'Nothing on node1 reaches a pod on node2.',
  story: 'From outside the node port of node2 works, and node2 reaches its own pods. For a build job Docker was installed on node2.',
  inject: [
    prepare('node2', 'iptables -P FORWARD DROP'),
    prepare('node2', 'iptables -D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD'),
  ],
  breaks: [claims.far, claims.farPod, claims.large, claims.shop, claims.nodePort1],
  hints: [
    'How far does it come? `tcpdump -ni` on eth0, flannel.1 and cni0 of node2, one after the other, while pod-a asks 10.244.2.2:8080.',
    'Out of the tunnel it comes, into the bridge it does not. In between is FORWARD: `kubehop exec node2 -- iptables -nvL FORWARD`, and look at its first line.',
    'The policy is DROP, and the rules of flannel that accept the network of pods are gone. Whoever is accepted is so by KUBE-FORWARD, for what kube-proxy has marked. `iptables -P FORWARD ACCEPT`, or a rule for 10.244.0.0/16.',
  ],
  happened: [
    'Docker makes a machine forward, and sets the policy of FORWARD to DROP, so that it does not become a router for everybody. flannel accepts',
    'what comes from the network of pods or goes there (FLANNEL-FWD); here that jump was lost as well. What still passes is what KUBE-FORWARD accepts:',
    'connections that stand, and packets with the mark 0x4000. A request by the node port of node2 has it, since it will be masqueraded, and so has what a',
    'pod asks of itself. That is why a test from outside said that all is well. The policy counts what it drops: `iptables -nvL FORWARD`.',
  ],
  source: 'moby, libnetwork (policy of FORWARD); flannel, pkg/trafficmngr/iptables; pkg/proxy/iptables/proxier.go (KUBE-FORWARD)',
};
