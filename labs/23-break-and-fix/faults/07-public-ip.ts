import { apply } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';
import { until } from './words.ts';

export const publicIp: Trouble = {
  name: '07-public-ip',
  symptom: 'Nothing on node1 reaches a pod on node2.',
  story: 'The nodes ping each other, and node2 is well by itself. It is a machine of Vagrant, and was brought up anew.',
  // flannel of node1 hears of it at once: then its envelopes have another receiver.
  inject: [apply('faults/public-ip.yaml'), until('node1', '! curl -s -o /dev/null --max-time 0.5 http://10.244.2.2:8080/')],
  breaks: [claims.far, claims.farPod, claims.large, claims.shop, claims.nodePort1],
  hints: [
    'Does anything for the pod come to node2 at all? `kubehop exec node2 -- tcpdump -ni eth0 udp port 8472`, and then the same on node1.',
    'Where do the envelopes of node1 go? Compare their receiver with the address of node2. Who has told node1 that this is node2?',
    'flannel reads it from the Node: `kubectl get node node2 -o yaml`, the annotation flannel.alpha.coreos.com/public-ip. `kubectl annotate node node2 --overwrite flannel.alpha.coreos.com/public-ip=192.168.56.12`.',
  ],
  happened: [
    'flannel of each node writes into the annotations of its Node at which address it takes envelopes, and the others make forwarding entries of it. A machine of',
    'Vagrant has two cards, and the first has the same address on every machine, 10.0.2.15, behind NAT. flannel takes the card of the default route unless it',
    'is told another one (`--iface`). On a kernel node `bridge fdb show dev flannel.1` says it: the MAC of the VTEP behind `dst 10.0.2.15`. The outer packets go out',
    'by the default route, and nobody answers: UDP does not miss an answer. The way back was well all the time.',
  ],
  source: 'flannel, pkg/subnet/kube/annotations.go, Documentation/troubleshooting.md (Vagrant); exercise 09',
};
