import { apply } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';
import { ruled } from './words.ts';

export const targetPort: Trouble = {
  name: '03-target-port',
  symptom: '`shop` refuses connections.',
  story: 'Its pod is ready, and answers at its own address. Yesterday somebody tidied up the names of ports.',
  inject: [
    apply('faults/target-port.yaml'),
    ruled('node1', 'default/shop has no endpoints'),
    ruled('node2', 'default/shop has no endpoints'),
  ],
  breaks: [claims.shop],
  hints: [
    'Who refuses? `kubehop exec pod-a -- tcpdump -ni eth0 host 10.96.1.30 or icmp`. What does `iptables-save` on node1 say about 10.96.1.30?',
    'A rule says that the Service has no endpoints, although its pod is ready. `kubectl get endpointslices -l kubernetes.io/service-name=shop -o yaml`: what is missing?',
    'The slice has no ports: the name in `targetPort` is looked up among the ports of the pod. `kubectl get service shop -o yaml` beside `kubectl get pods -l app=shop -o yaml`.',
  ],
  happened: [
    'A targetPort may be a name. It is looked up in each pod, among the ports of its containers; a pod that has no port of that name is left out of that',
    'port of the Service, without an error or an Event. The slice has its address and no port, so kube-proxy has nobody to send to: it puts a REJECT into the',
    'filter table, and new connections are refused by an ICMP message from the node. The pod itself is well, and its own address answers.',
  ],
  source: 'staging/src/k8s.io/endpointslice/utils.go (getEndpointPorts); pkg/proxy/iptables/proxier.go ("has no endpoints")',
};
