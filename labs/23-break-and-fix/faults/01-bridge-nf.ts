import { prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';

export const bridgeNf: Trouble = {
  name: '01-bridge-nf',
  symptom: 'pod-a does not reach `near`, whose pod is on the same node.',
  story:
    'By the address of the pod it works, and so do Services whose pods are on node2. Names do not resolve either. Last night node1 was booted anew.',
  inject: [prepare('node1', 'sysctl -w net.bridge.bridge-nf-call-iptables=0')],
  breaks: [claims.near, claims.names],
  hints: [
    'Look at what pod-a gets: `kubehop exec pod-a -- tcpdump -ni eth0 tcp`, while pod-a asks 10.96.1.10 in another terminal.',
    'An answer comes, from an address that pod-a has not asked. Who should have put the address of the Service there, and has this packet passed him?',
    'Both pods are ports of one bridge, so the answer need not leave layer 2. Whether iptables and conntrack see it there is a sysctl: net.bridge.bridge-nf-call-iptables.',
  ],
  happened: [
    'pod-a sends to its gateway, so PREROUTING sees the request and DNAT gives it the address of the pod. The answer is for a neighbour on the same',
    'bridge: it goes from port to port. With bridge-nf-call-iptables br_netfilter hands such frames to the hooks of IPv4 all the same, and conntrack',
    'reverses the translation. Without it pod-a gets a SYN,ACK from 10.244.1.3:8080, which it has not asked, and resets it.',
    'A boot takes the sysctl away when it stands in no file of /etc/sysctl.d, or when br_netfilter, which brings it, is not loaded: kubeadm asks for both.',
  ],
  source: 'net/bridge/br_netfilter_hooks.c (br_nf_pre_routing); kubernetes/kubernetes #87426; exercise 13',
};
