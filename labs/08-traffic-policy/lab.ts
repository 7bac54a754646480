import {
  apply,
  converse,
  expectConntrack,
  expectHop,
  expectNothing,
  expectOutput,
  expectRule,
  lab,
  probe,
  tcpSyn,
} from '../../src/lab/definition.ts';

const pod = '10.244.2.2:8080';
const tunnel = { src: '192.168.56.11', dst: '192.168.56.12', vni: 1 };
const ask = (node: string) => `curl -s --max-time 10 http://192.168.56.1${node}:30080/`;
const health = (node: string) => `curl -s -w ' %{http_code}' http://192.168.56.1${node}:32080/`;

export default lab({
  title: 'Who is the client? externalTrafficPolicy Cluster and Local',
  minutes: 20,
  needs: ['vxlan'],
  nodes: ['node1', 'node2'],
  pods: {
    'pod-a': { node: 'node1' },
    'pod-b': { node: 'node2', image: 'kubehop/echo' },
  },
  outside: { client: '203.0.113.9/24' },
  manifests: ['web.yaml'],
  steps: [
    // Policy Cluster, by the node that has the pod: the client is masqueraded although nothing leaves the node.
    apply('web.yaml'),
    probe('client', tcpSyn('192.168.56.12:30080')),
    expectHop('node2/eth0', { src: '203.0.113.9:40001', dst: '192.168.56.12:30080', flags: 'SYN' }),
    expectHop('pod-b/eth0', { src: '10.244.2.1:*', dst: pod, flags: 'SYN', ttl: 62, direction: 'in' }),
    expectHop('client/eth0', { src: '192.168.56.12:30080', dst: '203.0.113.9:40001', flags: 'SYN,ACK' }),
    expectConntrack(
      'node2',
      /src=203\.0\.113\.9 dst=192\.168\.56\.12 sport=40001 dport=30080 src=10\.244\.2\.2 dst=10\.244\.2\.1 sport=8080 /,
    ),

    // By the other node: masqueraded before it goes into the tunnel, so the client's address is in no envelope.
    probe('client', tcpSyn('192.168.56.11:30080', { srcPort: 40_002 })),
    expectHop('lan0', { src: '10.244.1.0:*', dst: pod, flags: 'SYN', outer: tunnel }),
    expectHop('pod-b/eth0', { src: '10.244.1.0:*', dst: pod, flags: 'SYN', ttl: 61, direction: 'in' }),
    expectNothing('lan0', { src: '203.0.113.9:*', dst: pod }),

    converse('client', ask('2'), { output: /"pod":"pod-b","node":"node2","client":"10\.244\.2\.1"/ }),
    converse('client', ask('1'), { output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.0"/ }),
    expectRule('node2', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 2),

    // Policy Local, by the node that has the pod: nothing is done to the source.
    apply('local.yaml'),
    probe('client', tcpSyn('192.168.56.12:30080', { srcPort: 40_003 })),
    expectHop('pod-b/eth0', { src: '203.0.113.9:40003', dst: pod, flags: 'SYN', ttl: 62, direction: 'in' }),
    expectHop('client/eth0', { src: '192.168.56.12:30080', dst: '203.0.113.9:40003', flags: 'SYN,ACK' }),
    converse('client', ask('2'), { output: /"pod":"pod-b","node":"node2","client":"203\.0\.113\.9"/ }),
    expectRule('node2', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 0),

    // By the other node: no reset, no ICMP, no error page. A rule of table filter drops it.
    probe('client', tcpSyn('192.168.56.11:30080', { srcPort: 40_004 })),
    expectHop('node1/eth0', { src: '203.0.113.9:40004', dst: '192.168.56.11:30080', flags: 'SYN' }),
    expectRule('node1', /-A KUBE-EXTERNAL-SERVICES .*--dport 30080 -j DROP/, 1),
    expectNothing('client/eth0', { dst: '203.0.113.9:40004' }),
    converse('client', 'curl -s --max-time 2 http://192.168.56.11:30080/', { exit: 28 }),

    // Who is in the cluster still gets everywhere, by the same node and the same port: a pod as itself, the node by its address.
    converse('pod-a', ask('1'), { output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.2"/ }),
    converse('node1', ask('1'), { output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.0"/ }),

    // What a load balancer asks, so that it sends nobody to node 1.
    expectOutput('node1', health('1'), /"localEndpoints": 0,.* 503$/s),
    expectOutput('node2', health('2'), /"localEndpoints": 1,.* 200$/s),
  ],
});
