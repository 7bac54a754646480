import { claim, expectOutput, prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';

/** VXLAN of the other nodes, from the ports by which Linux sends it (`net.ipv4.ip_local_port_range`). */
const firewall = [
  'iptables -I INPUT 1 -p udp --dport 8472 -s 192.168.56.0/24 --sport 32768:60999 -j ACCEPT',
  'iptables -I INPUT 2 -p udp --dport 8472 -j DROP',
];
const cleared = 'kube-proxy of node1 takes its mark away before it masquerades';

export const mark: Trouble = {
  name: '10-mark',
  symptom: 'From outside, by the node port of node1, about every second connection to `far` hangs, some for a second or three.',
  story:
    'By node2 each one works, and pod-a has no trouble at all. node2 has a firewall since Monday, which stays; on node1 somebody has tidied up iptables.',
  inject: [
    ...firewall.map(rule => prepare('node2', rule)),
    prepare('node1', 'iptables -t nat -D KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0'),
  ],
  breaks: [claims.nodePort1, cleared],
  keeps: [
    claim(
      'the firewall of node2 stands',
      expectOutput('node2', 'iptables -S INPUT', /--sport 32768:60999 --dport 8472 -j ACCEPT\n.*--dport 8472 -j DROP/),
    ),
    claim(cleared, expectOutput('node1', 'iptables -t nat -S KUBE-POSTROUTING', /-j MARK --set-xmark 0x4000\/0x0\n(.*\n)*.*-j MASQUERADE/)),
  ],
  hints: [
    'Where do those that hang end? `kubehop exec node2 -- iptables -nvL INPUT`: which rule counts, and what does it let through?',
    'Look at the source ports of the envelopes that node1 sends: `kubehop exec node1 -- tcpdump -ni eth0 udp port 8472`, when pod-a asks, and when the client does. `conntrack -L -p udp` on node1 says why.',
    'The envelope is masqueraded as well, since it bears the mark of what is in it. KUBE-POSTROUTING should take 0x4000 away before MASQUERADE: compare it on both nodes, or let kube-proxy write its rules anew.',
  ],
  happened: [
    'kube-proxy marks what is to be masqueraded with 0x4000. VXLAN wraps the packet in the same buffer, with its mark, and the envelope comes through POSTROUTING of',
    'node1 in turn. The rule that is missing takes the mark away in between. Without it the envelope is masqueraded too, fully at random: any source port from 1024 to',
    '65535, where the tunnel had chosen one from 32768 to 60999. The firewall takes 28,232 of those 64,512: 44 of 100 connections. A SYN that is sent again may draw another one.',
    'In 2020 the same mistake met network cards that compute checksums: every connection of that kind took 63 seconds, and kube-proxy got the rule for it.',
    'kube-proxy writes this chain with each of its syncs: a Service that changes would have mended it.',
  ],
  source: 'kubernetes/kubernetes #88986, PR #92035; drivers/net/vxlan/vxlan_core.c (udp_flow_src_port); net/netfilter/nf_nat_core.c',
};
