import {
  converse,
  expectConntrack,
  expectHop,
  expectNoConntrack,
  expectNothing,
  expectRule,
  lab,
  prepare,
  probe,
  tcpSyn,
} from '../../src/lab/definition.ts';

const podA = '0a:58:0a:f4:01:02';
const podB = '0a:58:0a:f4:01:03';
const gateway1 = '0a:58:0a:f4:01:01';
const podC = '0a:58:0a:f4:02:02';
const podD = '0a:58:0a:f4:02:03';
const gateway2 = '0a:58:0a:f4:02:01';

/** So that node and pod know each other's MAC: what comes then is about the bridge, not about ARP. */
const meet = (pod: string, gateway: string) => prepare(pod, `curl -s --max-time 2 http://${gateway}:1/ || true`);

export default lab({
  title: 'Hairpin: a pod calls itself',
  minutes: 20,
  needs: ['br_netfilter', 'vxlan'],
  nodes: ['node1', 'node2'],
  pods: {
    'pod-a': { node: 'node1', image: 'kubehop/echo' },
    'pod-b': { node: 'node1', image: 'kubehop/echo', hairpin: true },
    'pod-c': { node: 'node2', image: 'kubehop/echo' },
    'pod-d': { node: 'node2' },
  },
  bridgeNf: { node1: true, node2: false },
  lookAt: 'ports',
  services: {
    a: { clusterIp: '10.96.0.11', port: 80, pods: ['pod-a'] },
    b: { clusterIp: '10.96.0.12', port: 80, pods: ['pod-b'] },
    c: { clusterIp: '10.96.0.13', port: 80, pods: ['pod-c'] },
  },
  steps: [
    meet('pod-a', '10.244.1.1'),
    meet('pod-b', '10.244.1.1'),
    meet('pod-c', '10.244.2.1'),
    meet('pod-d', '10.244.2.1'),

    // Node 1, hairpin mode on at the port of pod-b: out of eth0, and back into it as a packet of the gateway's.
    probe('pod-b', tcpSyn('10.96.0.12:80')),
    expectHop('node1/veth-pod-b', {
      src: '10.244.1.3:40001',
      dst: '10.96.0.12:80',
      srcMac: podB,
      dstMac: gateway1,
      ttl: 64,
      direction: 'in',
    }),
    expectHop('node1/veth-pod-b', { src: '10.244.1.1:*', dst: '10.244.1.3:8080', srcMac: podB, dstMac: podB, ttl: 64, direction: 'out' }),
    expectHop('pod-b/eth0', { src: '10.244.1.1:*', dst: '10.244.1.3:8080', flags: 'SYN', srcMac: podB, direction: 'in' }),
    expectHop('pod-b/eth0', { src: '10.244.1.3:8080', dst: '10.244.1.1:*', flags: 'SYN,ACK', dstMac: gateway1, direction: 'out' }),
    expectHop('pod-b/eth0', { src: '10.96.0.12:80', dst: '10.244.1.3:40001', flags: 'SYN,ACK', srcMac: podB, ttl: 64, direction: 'in' }),
    expectConntrack('node1', /src=10\.244\.1\.3 dst=10\.96\.0\.12 sport=40001 dport=80 src=10\.244\.1\.3 dst=10\.244\.1\.1 sport=8080 /),
    expectRule('node1', /-A KUBE-SEP-\w+ -s 10\.244\.1\.3\/32 .*-j KUBE-MARK-MASQ/, 1),
    expectRule('node1', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 1),

    // Hairpin mode off at the port of pod-a: DNAT has been done, and there the packet ends.
    probe('pod-a', tcpSyn('10.96.0.11:80', { srcPort: 40_002 })),
    expectHop('node1/veth-pod-a', { src: '10.244.1.2:40002', dst: '10.96.0.11:80', srcMac: podA, dstMac: gateway1, direction: 'in' }),
    ...['node1/veth-pod-a', 'pod-a/eth0', 'node1/veth-pod-b', 'pod-b/eth0'].map(hop => expectNothing(hop, { dst: '10.244.1.2:8080' })),
    expectRule('node1', /-A KUBE-SEP-\w+ -s 10\.244\.1\.2\/32 .*-j KUBE-MARK-MASQ/, 1),
    expectRule('node1', /-A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.1\.2:8080/, 1),
    expectRule('node1', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 1),
    expectNoConntrack('node1', /sport=40002/),

    // The same by real sockets.
    converse('pod-b', 'curl -s --max-time 10 http://10.96.0.12/', { output: /"pod":"pod-b","node":"node1","client":"10\.244\.1\.1"/ }),
    converse('pod-a', 'curl -s --max-time 2 http://10.96.0.11/', { exit: 28 }),

    // Node 2, bridge-nf-call-iptables 0: another pod of the same node asks. The request is routed, the answer is not.
    probe('pod-d', tcpSyn('10.96.0.13:80', { srcPort: 40_003 })),
    expectHop('node2/veth-pod-c', {
      src: '10.244.2.3:40003',
      dst: '10.244.2.2:8080',
      srcMac: gateway2,
      dstMac: podC,
      ttl: 63,
      direction: 'out',
    }),
    expectHop('node2/veth-pod-d', {
      src: '10.244.2.2:8080',
      dst: '10.244.2.3:40003',
      flags: 'SYN,ACK',
      srcMac: podC,
      dstMac: podD,
      ttl: 64,
    }),
    expectConntrack(
      'node2',
      /SYN_SENT src=10\.244\.2\.3 dst=10\.96\.0\.13 sport=40003 dport=80 \[UNREPLIED\] src=10\.244\.2\.2 dst=10\.244\.2\.3 /,
    ),
    converse('pod-d', 'curl -s --max-time 2 http://10.96.0.13/', { exit: 28 }),
    expectHop('pod-d/eth0', { src: '10.244.2.2:8080', flags: 'SYN,ACK', direction: 'in' }),
    expectHop('pod-c/eth0', { dst: '10.244.2.2:8080', flags: 'RST', srcMac: podD, direction: 'in' }),

    // pod-c asks itself, without hairpin mode: the frame that comes back is a new one, from the gateway.
    converse('pod-c', 'curl -s --max-time 10 http://10.96.0.13/', { output: /"pod":"pod-c","node":"node2","client":"10\.244\.2\.1"/ }),
    expectHop('node2/veth-pod-c', {
      src: '10.244.2.1:*',
      dst: '10.244.2.2:8080',
      flags: 'SYN',
      srcMac: gateway2,
      ttl: 63,
      direction: 'out',
    }),
    expectHop('pod-c/eth0', { src: '10.96.0.13:80', flags: 'SYN,ACK', srcMac: gateway2, ttl: 63, direction: 'in' }),
  ],
});
