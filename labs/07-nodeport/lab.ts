import {
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

const request = { src: '203.0.113.9:40001', dst: '192.168.56.11:30080', flags: 'SYN' };
/** After node 1: one DNAT to the pod, and the address of the interface it leaves by as the source. */
const translated = { src: '10.244.1.0:*', dst: '10.244.2.2:8080' };
const tunnel = { src: '192.168.56.11', dst: '192.168.56.12', vni: 1 };

export default lab({
  title: 'NodePort on any node, across nodes, and back',
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
    // One SYN that the lab makes itself. The client's kernel knows nothing of it and resets what comes back.
    probe('client', tcpSyn('192.168.56.11:30080')),
    expectHop('client/eth0', { ...request, ttl: 64 }),
    expectHop('node1/eth0', { ...request, ttl: 63, outer: false }),
    expectHop('node1/flannel.1', { ...translated, flags: 'SYN', ttl: 62 }),
    expectHop('lan0', { ...translated, flags: 'SYN', ttl: 62, outer: { ...tunnel, ttl: 64 } }),
    expectHop('node2/eth0', { ...translated, flags: 'SYN', outer: tunnel }),
    expectHop('node2/cni0', { ...translated, flags: 'SYN', ttl: 61, outer: false }),
    expectHop('pod-b/eth0', { ...translated, flags: 'SYN', ttl: 61 }),
    expectHop('client/eth0', { src: '192.168.56.11:30080', dst: '203.0.113.9:40001', flags: 'SYN,ACK' }),
    expectHop('pod-b/eth0', { ...translated, flags: 'RST' }),
    expectConntrack(
      'node1',
      /src=203\.0\.113\.9 dst=192\.168\.56\.11 sport=40001 dport=30080.* src=10\.244\.2\.2 dst=10\.244\.1\.0 sport=8080 /,
    ),
    expectConntrack('node2', /src=10\.244\.1\.0 dst=10\.244\.2\.2 .* src=10\.244\.2\.2 dst=10\.244\.1\.0 /),

    // The same by real sockets.
    converse('client', 'curl -s --max-time 10 --local-port 40002-40099 http://192.168.56.11:30080/', {
      output: /^\{"pod":"pod-b","node":"node2","client":"10\.244\.1\.0","port": *\d+\}$/m,
    }),

    // nat chains see the first packet of a connection only: two connections, two packets.
    expectRule('node1', /-A KUBE-NODEPORTS -p tcp .*--dport 30080 .*-j KUBE-EXT-/, 2),
    expectRule('node1', /-A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.2\.2:8080/, 2),
    expectRule('node1', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 2),
    expectRule('node2', /-A KUBE-NODEPORTS -p tcp .*--dport 30080 /, 0),

    // Nobody listens on the port, and the cluster IP never appears on a wire.
    expectOutput('node1', 'ss -tln sport = :30080 | grep -c LISTEN', /^0$/m),
    ...['client/eth0', 'node1/eth0', 'node1/flannel.1', 'lan0', 'node2/cni0', 'pod-b/eth0'].map(hop =>
      expectNothing(hop, { dst: '10.96.0.10:80' }),
    ),
  ],
});
