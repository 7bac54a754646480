import { prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';

export const rpFilter: Trouble = {
  name: '08-rp-filter',
  symptom: 'pod-a does not reach `far` any more.',
  story:
    'node1 itself reaches it. Two changes of last night: node1 has a route to that pod past the tunnel, which is faster; and node2 was hardened.',
  inject: [
    prepare('node1', 'ip route add 10.244.2.2/32 via 192.168.56.12 dev eth0'),
    prepare('node2', 'sysctl -w net.ipv4.conf.all.rp_filter=1'),
  ],
  breaks: [claims.far, claims.large],
  hints: [
    'How far does it come? `tcpdump -ni eth0 host 10.244.2.2` on node1 and on node2, then on cni0 of node2.',
    'It comes to node2 by eth0 and goes no further, and no rule counts it. By which way would node2 send to 10.244.1.2? `kubehop exec node2 -- ip route get 10.244.1.2`.',
    'It came by another interface than that, and node2 checks it: `sysctl net.ipv4.conf.all.rp_filter`. Loose (2) or off, or the same way in both directions.',
  ],
  happened: [
    'The request leaves node1 past the tunnel and comes to node2 by eth0, with the source 10.244.1.2. For node2 the way to that address is flannel.1. With',
    'rp_filter=1 a packet has to come in where its answer would go out (RFC 3704, strict); this one is dropped when it is routed, behind PREROUTING, and',
    'no rule tells. `nstat -az TcpExtIPReversePathFilter` counts it on a kernel node. What node1 itself sends is masqueraded to 192.168.56.11, and for',
    'that eth0 is the right way: so the test from the node was well. The larger of `all` and that of the interface counts.',
  ],
  source: 'net/ipv4/fib_frontend.c (fib_validate_source); Documentation/networking/ip-sysctl.rst (rp_filter); RFC 3704',
};
