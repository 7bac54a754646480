import { prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';

export const hairpin: Trouble = {
  name: '02-hairpin',
  symptom: 'The pod of `far` does not reach its own Service.',
  story: 'Everybody else reaches it. Last week the CNI configuration of node2 was written anew.',
  inject: [
    prepare(
      'node2',
      'for port in $(bridge link show | sed -n "s/^[0-9]*: \\(veth[^@:]*\\).*/\\1/p"); do bridge link set dev $port hairpin off; done',
    ),
  ],
  breaks: [claims.self],
  hints: [
    'Does the request leave the pod, and does it come back into it? `kubehop exec far -- tcpdump -ni eth0 tcp`, while the pod asks 10.96.1.20.',
    'DNAT has been done: `kubehop exec node2 -- iptables -t nat -nvL | grep 10.244.2.2` counts. So the packet has to go out by the port of the bridge by which it came in.',
    'A bridge does not do that, unless the port is in hairpin mode: `kubehop exec node2 -- bridge -d link show`, and `bridge link set dev PORT hairpin on`.',
  ],
  happened: [
    'DNAT has chosen the pod that asks. The rule of that endpoint marks what comes from it, so that it is masqueraded and the answer comes back here.',
    'Then the frame has to leave by the port that it came in by, and a bridge never does so: what is on that side has seen it already. Hairpin mode of',
    'the port is the exception. It is set by the CNI plugin when it makes the port: `hairpinMode` in the configuration, which the one of flannel has on.',
    'The packet leaves no conntrack entry: it is dropped before it is confirmed.',
  ],
  source: 'net/bridge/br_forward.c (should_deliver); flannel, Documentation/kube-flannel.yml (cni-conf.json); exercise 13',
};
