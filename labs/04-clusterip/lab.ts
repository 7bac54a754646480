import {
  applyWritten,
  converse,
  expectConntrack,
  expectHop,
  expectNothing,
  expectOutput,
  expectRule,
  hinted,
  lab,
  ping,
  prepare,
  probe,
  tcpSyn,
  whoHas,
  withdrawWritten,
} from '../../src/lab/definition.ts';

const podA = '10.244.1.2:40001';
const vip = '10.96.0.10:80';
const podB = '10.244.2.2:8080';

/** So that node and pods know each other's MAC: what comes then is about Services, not about ARP. */
const meet = (pod: string, gateway: string) => prepare(pod, `curl -s --max-time 2 http://${gateway}:1/ || true`);

export default lab({
  title: 'ClusterIP: an address nobody owns',
  minutes: 20,
  needs: ['vxlan'],
  nodes: ['node1', 'node2'],
  pods: {
    'pod-a': { node: 'node1' },
    'pod-b': { node: 'node2', image: 'kubehop/echo' },
  },
  lookAt: 'ports',
  manifests: ['services.yaml'],
  steps: [
    withdrawWritten('nobody-1.yaml'),
    meet('pod-a', '10.244.1.1'),
    meet('pod-b', '10.244.2.1'),

    // A pod on another node, behind a virtual address. The pod's own wire shows the virtual address, both ways.
    probe('pod-a', tcpSyn(vip)),
    expectHop('pod-a/eth0', { src: podA, dst: vip, flags: 'SYN', ttl: 64, direction: 'out' }),
    expectHop('node1/veth-pod-a', { src: podA, dst: vip, flags: 'SYN', ttl: 64, direction: 'in' }),
    expectHop('node1/flannel.1', { src: podA, dst: podB, flags: 'SYN', ttl: 63 }),
    expectHop('pod-b/eth0', { src: podA, dst: podB, flags: 'SYN', ttl: 62, direction: 'in' }),
    expectHop('node1/flannel.1', { src: podB, dst: podA, flags: 'SYN,ACK', ttl: 63 }),
    expectHop('node1/veth-pod-a', { src: vip, dst: podA, flags: 'SYN,ACK', ttl: 62, direction: 'out' }),
    expectHop('pod-a/eth0', { src: vip, dst: podA, flags: 'SYN,ACK', direction: 'in' }),
    expectConntrack(
      'node1',
      /src=10\.244\.1\.2 dst=10\.96\.0\.10 sport=40001 dport=80 src=10\.244\.2\.2 dst=10\.244\.1\.2 sport=8080 dport=40001 /,
    ),
    expectConntrack(
      'node2',
      /src=10\.244\.1\.2 dst=10\.244\.2\.2 sport=40001 dport=8080 src=10\.244\.2\.2 dst=10\.244\.1\.2 sport=8080 dport=40001 /,
    ),

    // The same by real sockets.
    converse('pod-a', 'curl -s --max-time 10 http://10.96.0.10/', { output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.2"/ }),

    // The rules did it in PREROUTING of the node. The pod has none, and the source was nobody's business.
    expectRule('node1', /-A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.2\.2:8080/, 2),
    expectRule('node1', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 0),
    expectOutput('node1', 'iptables-save -t nat | grep -c -e "-j SNAT" || true', /^0$/m),
    expectOutput('pod-a', 'iptables-save | grep -c KUBE || true', /^0$/m),

    // The node itself asks: OUTPUT, and its own address is none of a pod's, so that the answer must be brought back here.
    converse('node1', 'curl -s --max-time 10 http://10.96.0.10/', { output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.0"/ }),
    expectRule('node1', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 1),

    // Nobody serves it: refused at once, by the node.
    probe('pod-a', tcpSyn('10.96.0.11:80', { srcPort: 40_002 })),
    expectHop('pod-a/eth0', { protocol: 'icmp', src: '10.244.1.1', dst: '10.244.1.2', kind: '3/3', direction: 'in' }),
    expectRule('node1', /-A KUBE-SERVICES -d 10\.96\.0\.11\/32 .*has no endpoints.*-j REJECT/, 1),
    converse('pod-a', 'curl -s --max-time 10 http://10.96.0.11/', { exit: 7 }),

    // Nobody owns it: no answer to ARP, no rule for a ping, and a router outside that has never heard of it.
    probe('pod-a', whoHas('10.96.0.10')),
    expectNothing('pod-a/eth0', { protocol: 'arp', kind: 'reply', src: '10.96.0.10' }),
    probe('pod-a', ping('10.96.0.10')),
    expectHop('lan0', { protocol: 'icmp', kind: 'echo request', src: '192.168.56.11', dst: '10.96.0.10', ttl: 63 }),
    expectHop('pod-a/eth0', { protocol: 'icmp', kind: '3/0', src: '192.168.56.1', dst: '10.244.1.2', direction: 'in' }),
    probe('pod-a', tcpSyn('10.96.0.10:81', { srcPort: 40_003 })),
    expectHop('pod-a/eth0', { protocol: 'icmp', kind: '3/0', src: '192.168.56.1', dst: '10.244.1.2', direction: 'in' }),
    ...['node1', 'node2', 'pod-b'].map(where => expectOutput(where, 'ip -o address | grep -c " 10\\.96\\." || true', /^0$/m)),
    ...['lan0', 'node1/flannel.1', 'node1/eth0', 'node2/eth0', 'node2/veth-pod-b', 'pod-b/eth0'].flatMap(hop => [
      expectNothing(hop, { dst: vip }),
      expectNothing(hop, { src: vip }),
    ]),

    // Now yours: endpoints for the Service that has none.
    ...hinted('what is refused is said as Kubernetes says it', applyWritten('nobody-1.yaml')),
    probe('pod-a', tcpSyn('10.96.0.11:80', { srcPort: 40_004 })),
    ...hinted(
      'kube-proxy finds the slices of a Service by a label: which one have the others? What it finds is an address and a port: who listens there?',
      expectHop('node1/flannel.1', { src: '10.244.1.2:40004', dst: podB, flags: 'SYN', ttl: 63 }),
      expectHop('pod-a/eth0', { src: '10.96.0.11:80', dst: '10.244.1.2:40004', flags: 'SYN,ACK', direction: 'in' }),
      expectConntrack('node1', /src=10\.244\.1\.2 dst=10\.96\.0\.11 sport=40004 dport=80 src=10\.244\.2\.2 dst=10\.244\.1\.2 sport=8080 /),
      expectRule('node1', /-A KUBE-SVC-\w+ .*"default\/nobody -> 10\.244\.2\.2:8080" -j KUBE-SEP-/, 1),
      converse('pod-a', 'curl -s --max-time 10 http://10.96.0.11/', { output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.2"/ }),
    ),
  ],
});
